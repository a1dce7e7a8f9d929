"""Base models, their families, adapters, and what they compute in."""
