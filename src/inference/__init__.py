"""Generating summaries."""
