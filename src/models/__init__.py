"""Base models, adapters, and what they compute in."""
