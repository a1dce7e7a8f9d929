"""Training on a reward: summaries are drawn, scored, and made more or less likely by how they compare."""
