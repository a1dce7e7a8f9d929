"""What a search over settings tries, remembers and chooses; no torch."""
