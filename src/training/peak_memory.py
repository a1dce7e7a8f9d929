"""The peak of memory of a training, without what is generated before it and in between."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class PeakMemory:
    """The peak of CUDA's allocator since `begin`, or of this process's resident memory where there is no GPU.

    The plan is of the training, so its peak is measured apart: 500 summaries drawn at a time before it, to score the
    model as it came, took 13.0 GB of a card whose training was planned to take 7.9.
    """

    def __init__(self) -> None:
        """Count from the process's begin on."""
        self._before = 0

    def begin(self) -> None:
        """Forget what was allocated at once so far, unless it still is. A process's resident peak can't be."""
        self._before = 0
        _reset()

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Leave out what is done within, on a GPU."""
        self._before = self.bytes()
        try:
            yield
        finally:
            _reset()

    def bytes(self) -> int:
        """Return the peak in bytes."""
        return max(self._before, peak_memory_bytes())


def peak_memory_bytes() -> int:
    """Return the peak of CUDA's allocator, or of this process's resident memory where there is no GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _reset() -> None:
    initialized = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if initialized:  # it isn't where a GPU is there and nothing on it yet
        torch.cuda.reset_peak_memory_stats()
