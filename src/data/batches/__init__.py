"""Examples packed or padded into batches."""
