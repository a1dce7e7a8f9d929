"""ROUGE with declared tokenization, significance, and scoring of models."""
