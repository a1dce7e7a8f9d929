"""Fused operations, each beside its slow, obvious oracle in src/tests/kernels."""
