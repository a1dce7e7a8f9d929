"""The hand-written decoder: rows of caches that are continued together."""
