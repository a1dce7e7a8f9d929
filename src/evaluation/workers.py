"""Scores of many texts in worker processes, which end with the process that asked, whatever ends it."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Self, TypeVar

from ..errors import YoyakError

T = TypeVar("T")
R = TypeVar("R")
_SECONDS = 120  # for a part, beyond which a worker counts as hanging
_PART = 16  # items that a worker takes at a time


class ScoringWorkers:
    """Worker processes; a context. None is started before there is work."""

    def __init__(self, made: str, workers: int | None = None) -> None:
        """Prepare to make `made`, as errors call it; by default with as many workers as cores, but for one."""
        self.made = made
        self.workers = workers or max(1, len(os.sched_getaffinity(0)) - 1)
        # Not forked: a fork of a process with threads or CUDA may hang.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self.workers, context, initializer=_prepare_worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def submit(self, function: Callable[..., R], *arguments: Any) -> "Future[R]":
        """Let a worker call a function of a module (not of the script that runs); `result_of` waits for it.

        Raises:
            YoyakError: a worker has died.
        """
        try:
            with _script_hidden():
                return self._pool.submit(function, *arguments)
        except BrokenProcessPool:
            raise self._died() from None

    def result_of(self, future: "Future[R]") -> R:
        """Return what a worker has made.

        Raises:
            YoyakError: it died or hangs; its own errors come as they are.
        """
        try:
            return future.result(_SECONDS)
        except TimeoutError:
            for process in list((self._pool._processes or {}).values()):
                process.kill()  # also those that hang: Python would wait for them at its own end
            raise YoyakError(f"{self.made} were not there after {_SECONDS} s: a worker hangs") from None
        except BrokenProcessPool:
            raise self._died() from None

    def map(self, function: Callable[..., list[R]], items: Sequence[T], *arguments: Any) -> list[R]:
        """Return what a function makes of some items at a time, `function(part, *arguments)`, in their order.

        Raises:
            YoyakError: as in `result_of`.
        """
        size = max(1, min(_PART, -(-len(items) // self.workers)))
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        futures = [self.submit(function, part, *arguments) for part in parts]
        return [one for future in futures for one in self.result_of(future)]

    def _died(self) -> YoyakError:
        return YoyakError(f"a process that makes {self.made} has died (out of memory?); free memory and go on")


@contextmanager
def _script_hidden() -> Iterator[None]:
    """Let new workers not run the script again that this process runs, which `spawn` does otherwise."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _prepare_worker() -> None:
    """Leave Ctrl-C to the process that asked, and end where that one is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
