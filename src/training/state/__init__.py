"""What a run keeps to go on exactly: checkpoints, identity, decisions, recovery."""
