"""What is done with a file of dialogues before a run: check, stats, split, augment."""
