"""The training loop, its loss, its callbacks and its record."""
