"""Memory for tensors on a CPU: freed blocks stay for the next step, and large tensors lie in huge pages.

By default glibc gives large freed blocks back to the kernel and takes them anew, each page with a fault, 30,000 of them
in a training step of 2,000 tokens of a 135M model; and pages of 4 KB miss the processor's address cache (TLB) in the
matrix products.
"""

import ctypes
import os
from collections.abc import MutableMapping

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_LARGEST_KEPT_BYTES = 1 << 30
_NEVER_TRIM_BYTES = (1 << 31) - 1


def ask_for_huge_pages(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let torch align tensors from 2 MB on to huge pages and ask for these; it reads this at its first tensor."""
    environment.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def keep_freed_memory() -> bool:
    """Let malloc keep what is freed, up to 1 GB a block; return False where the C library is not glibc.

    What one thread freed serves the others too: an arena for each keeps 0.2 GB more for two micro-batches at a time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    values = {_M_MMAP_THRESHOLD: _LARGEST_KEPT_BYTES, _M_TRIM_THRESHOLD: _NEVER_TRIM_BYTES, _M_ARENA_MAX: 1}
    return all([mallopt(name, value) for name, value in values.items()])


def give_back_freed_memory() -> bool:
    """Give what malloc keeps of freed blocks back to the kernel; return False where the C library is not glibc.

    Between two models in one process: else it would hold the most that any moment took, as long as it runs, and more
    with each model whose blocks don't fit where those of the last one lay.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    trim(0)
    return True
