"""`yoyak search`."""
