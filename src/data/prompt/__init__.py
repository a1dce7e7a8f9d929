"""One rule for how a dialogue becomes a prompt: templates, layouts, turns, truncation."""
