"""Bounds on what a pattern or a template takes."""

import re
import resource
import signal
import time

import pytest

from src.bounds import TooMuchError, bounded


def test_a_pattern_without_an_end_is_stopped():
    begun = time.monotonic()
    with pytest.raises(TooMuchError, match=r"takes more than 0\.2 seconds"), bounded(seconds=0.2):
        re.fullmatch("(a+)+b", "a" * 60)
    assert time.monotonic() - begun < 5
    time.sleep(0.3)  # the clock does not run on


def test_memory_is_bounded_inside_alone():
    limits = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TooMuchError, match="takes more than 64 MiB"), bounded(more_bytes=64 << 20):
        len(bytearray(1 << 40))
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    assert signal.getsignal(signal.SIGALRM) is handler
    assert len(bytearray(128 << 20)) == 128 << 20


def test_what_stays_within_passes():
    with bounded():
        assert re.fullmatch("(a+)+b", "aab")
