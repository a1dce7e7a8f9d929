"""A limit on this process's memory: an allocation beyond it fails as on a machine that has no more."""

import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def memory_limit(more_bytes: int) -> Iterator[None]:
    """Let the process's address space grow by `more_bytes` and no further."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + more_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
