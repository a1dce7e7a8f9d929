"""A step's micro-batches on their way to a device."""

import pytest
import torch

from src.data.batches.packing import MicroBatch, StepPacker
from src.training.step_copies import StepCopies, lay_together, taken_apart


def step(seed: int, examples: int) -> list[MicroBatch]:
    """Return micro-batches of random examples of 3 to 12 tokens."""
    torch.manual_seed(seed)
    items = []
    for length in torch.randint(3, 13, (examples,)).tolist():
        ids = torch.randint(0, 99, (length,))
        items.append({"input_ids": ids, "labels": torch.where(torch.arange(length) < 2, -100, ids)})
    batches: list[MicroBatch] = StepPacker(24)(items)["micro_batches"]
    return batches


def assert_same(found: list[MicroBatch], wanted: list[MicroBatch]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one.places.cpu(), other.places)
        assert torch.equal(one.target_places.cpu(), other.target_places)
        assert (one.tokens, one.starts.tolist(), one.weights) == (other.tokens, other.starts.tolist(), None)


def test_what_is_laid_together_comes_apart_as_it_was() -> None:
    batches = step(0, 9)
    assert len(batches) > 2
    size = sum(one.places.numel() + one.target_places.numel() for one in batches)
    together = lay_together(batches, torch.empty(size, dtype=torch.int64))
    assert_same(taken_apart(together, batches), batches)


def test_on_a_cpu_nothing_is_copied() -> None:
    batches = step(0, 5)
    copies = StepCopies(torch.device("cpu"))
    assert [one.places.data_ptr() for one in copies(batches)] == [one.places.data_ptr() for one in batches]
    assert copies([]) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_memory_is_not_written_while_it_is_copied_from() -> None:
    steps = [step(number, examples) for number, examples in enumerate((9, 5, 40, 9, 60, 7))]
    copies, busy = StepCopies(torch.device("cuda")), torch.zeros(1 << 26, device="cuda")
    found = []
    for batches in steps:
        for _ in range(20):
            busy.add_(1)  # the copies wait behind this, while the host goes on
        found.append(copies(batches))
    torch.cuda.synchronize()
    for some, wanted in zip(found, steps, strict=True):
        assert_same(some, wanted)
