"""`yoyak data`: check, stats, split, augment, and the command line that names them."""
