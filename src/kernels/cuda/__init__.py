"""The Triton side of the kernels: one file an operation, with the stem of its CPU side where there is one."""
