"""What a run tells while it runs: the log, trackers."""
