"""A run's step, evaluation and stop over several processes."""
