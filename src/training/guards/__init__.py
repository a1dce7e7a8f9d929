"""What watches a run: steps, memory, signals, other processes."""
