"""A limit on this process's memory: an allocation beyond it fails as on a machine that has no more."""

import ctypes
import gc
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import torch

_ALONE = "YOYAK_TEST_ALONE"
_MMAP_THRESHOLD = -3  # of glibc's mallopt
_BLOCK = 1 << 20
_GROWN = 8  # blocks in a row for which nothing was free: one alone may have found none that is large enough


@contextmanager
def memory_limit(more_bytes: int) -> Iterator[None]:
    """Let the process's address space grow by `more_bytes` and no further.

    What the allocator holds free from earlier work is taken from it first, since it would not count.
    """
    gc.collect()
    ctypes.CDLL("libc.so.6").mallopt(_MMAP_THRESHOLD, _BLOCK)  # larger blocks are given back once they are freed
    taken, size, grown = [], _address_space_bytes(), 0
    while grown < _GROWN:
        taken.append(torch.empty(_BLOCK, dtype=torch.uint8))
        before, size = size, _address_space_bytes()
        grown = grown + 1 if size > before else 0
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space_bytes() + more_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        del taken


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def in_a_process_of_its_own(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a new process: what malloc holds free of earlier tests can be room beyond any limit."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        if _ALONE in os.environ:
            return test(*arguments, **named)
        node = os.environ["PYTEST_CURRENT_TEST"].rsplit(" ", 1)[0]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", node],
            cwd=Path(__file__).parents[2],
            env=environment | {_ALONE: "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return None

    return run
