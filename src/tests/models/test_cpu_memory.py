"""Freed blocks stay with the process, and torch is asked for huge pages unless the user has said otherwise."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from src.models.cpu_memory import ask_for_huge_pages

_ROOT = Path(__file__).resolve().parents[3]
_FAULTS = """
import resource
import torch
from src.models.cpu_memory import keep_freed_memory
def faults():
    for _ in range(10):  # aligned blocks leave small pieces, of which malloc holds seven apart before it joins any
        torch.ones(16_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(16_000_000)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
faults()
assert keep_freed_memory()
faults()
"""

_KEPT = """
import psutil
import torch
from src.models.cpu_memory import give_back_freed_memory, keep_freed_memory
assert keep_freed_memory()
blocks = [torch.ones(1_000_000) for _ in range(100)]
between = torch.ones(1_000_000)  # above the blocks, which malloc would give back from the top of its memory only
del blocks
rss = psutil.Process().memory_info().rss
assert give_back_freed_memory()
print(rss - psutil.Process().memory_info().rss)
"""


def test_the_users_choice_of_huge_pages_stays() -> None:
    """A variable that is set is not changed."""
    unset: dict[str, str] = {}
    chosen = {"THP_MEM_ALLOC_ENABLE": "0"}
    ask_for_huge_pages(unset)
    ask_for_huge_pages(chosen)
    assert unset == {"THP_MEM_ALLOC_ENABLE": "1"}
    assert chosen == {"THP_MEM_ALLOC_ENABLE": "0"}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.long
def test_freed_memory_is_used_again_without_faults() -> None:
    """Ten tensors of 64 MB, one after the other, are 15,600 pages each for a plain glibc, and next to none here."""

    small_pages = os.environ | {"THP_MEM_ALLOC_ENABLE": "0"}  # tests of commands have set it in this process
    command = [sys.executable, "-c", _FAULTS]
    done = subprocess.run(command, cwd=_ROOT, env=small_pages, capture_output=True, text=True, check=True)
    plain, kept = map(int, done.stdout.split())
    assert kept < 1000
    assert plain > 10_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_what_is_kept_of_freed_blocks_can_be_given_back() -> None:
    """A hundred tensors of 4 MB."""
    command = [sys.executable, "-c", _KEPT]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 350_000_000
