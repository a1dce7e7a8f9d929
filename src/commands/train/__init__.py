"""`yoyak train`: a run, its folds, the quickstart, what is shown and saved, and going on."""
