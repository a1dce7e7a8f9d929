"""Bounds on what a stranger's pattern or template takes: seconds and bytes."""

import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SECONDS = 3
BYTES = 256 << 20


class TooMuchError(Exception):
    """It took more than it may."""


@contextmanager
def bounded(seconds: float | None = None, more_bytes: int = BYTES) -> Iterator[None]:
    """Raise TooMuchError where the block takes longer (than SECONDS by default), or more memory, than it may.

    The clock runs in the main thread only, where Python handles signals; memory is bounded on Linux, for the whole
    process. Both are as before afterwards.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooMuchError(f"takes more than {seconds:g} seconds")

    seconds = SECONDS if seconds is None else seconds
    in_main = threading.current_thread() is threading.main_thread()
    before = soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, stop) if in_main else None
    try:
        if sys.platform == "linux":
            mapped_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            most = mapped_pages * resource.getpagesize() + more_bytes
            resource.setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(soft, most), hard))
        if in_main:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    except MemoryError as error:
        raise TooMuchError(f"takes more than {more_bytes >> 20} MiB") from error
    finally:
        if in_main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)
