"""Run folders: the record, its lock, disk and log, and the data it was made of."""
