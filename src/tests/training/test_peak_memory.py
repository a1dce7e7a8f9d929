"""The peak of a training's memory."""

import torch

from src.training.peak_memory import PeakMemory, peak_memory_bytes


class Allocator:
    """Counts as CUDA's does: what is allocated now, and the peak since it was reset."""

    def __init__(self, monkeypatch):
        self.now = self.peak = 0
        for asked in ("is_available", "is_initialized"):
            monkeypatch.setattr(torch.cuda, asked, lambda: True)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: self.peak)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: setattr(self, "peak", self.now))

    def take(self, size):
        """Allocate and free so much."""
        self.peak = max(self.peak, self.now + size)


def test_what_is_generated_before_a_training_and_in_between_is_left_out(monkeypatch):
    allocator, peak = Allocator(monkeypatch), PeakMemory()
    allocator.now = 2
    allocator.take(11)  # summaries of the model as it came
    peak.begin()
    assert peak.bytes() == 2
    allocator.take(5)
    with peak.left_out():
        allocator.take(20)
    assert peak.bytes() == 7
    allocator.take(4)
    assert peak.bytes() == 7
    allocator.take(6)
    assert peak.bytes() == 8
    peak.begin()
    assert peak.bytes() == 2


def test_without_a_gpu_it_is_that_of_the_process():
    peak = PeakMemory()
    peak.begin()
    with peak.left_out():
        pass
    assert 50e6 < peak.bytes() <= peak_memory_bytes() < 1e12
