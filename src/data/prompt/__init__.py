"""One rule for how a dialogue becomes a prompt: templates, families, turns, truncation."""
