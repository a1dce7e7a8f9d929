"""The studio: pages over runs, in a browser on the same machine."""
