"""What a run takes and how long, known before it: formulas over shapes, lengths and devices. Nothing imports torch."""
