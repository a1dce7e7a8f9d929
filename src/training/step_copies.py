"""A step's micro-batches on their way to a GPU: one copy, out of pinned memory that is there for good."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ..data.batches.packing import MicroBatch

_SLOTS = 2  # the host fills one while the copy from the other waits for the GPU to come to it


@dataclass
class _Slot:
    """Pinned memory, and the event after the last copy from it."""

    memory: torch.Tensor
    copied: torch.cuda.Event


class StepCopies:
    """Copies whole steps to a device. Pinning each tensor anew took the host 9 ms a step of four ranks."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._slots: list[_Slot] = []

    def __call__(self, batches: Sequence[MicroBatch]) -> list[MicroBatch]:
        """Return a step's micro-batches with what a GPU reads on the device, without waiting for the copy."""
        if self.device.type != "cuda" or not batches or batches[0].places.is_cuda:
            return [batch.to(self.device) for batch in batches]
        size = sum(len(one) for one in _parts(batches))
        slot = self._slot(size)
        together = lay_together(batches, slot.memory[:size])
        on_device = together.to(self.device, non_blocking=True)
        slot.copied.record()
        return [batch.to(self.device) for batch in taken_apart(on_device, batches)]  # weights, where there are any

    def _slot(self, size: int) -> _Slot:
        """Return the slot that was used longest ago, with room for `size` numbers, once the copy from it is done."""
        if len(self._slots) < _SLOTS:
            slot = _Slot(torch.empty(0, dtype=torch.int64), torch.cuda.Event())  # type: ignore[no-untyped-call]
        else:
            slot = self._slots.pop(0)
            slot.copied.synchronize()
        if len(slot.memory) < size:
            slot.memory = torch.empty(2 * size, dtype=torch.int64, pin_memory=True)
        self._slots.append(slot)
        return slot


def lay_together(batches: Sequence[MicroBatch], out: torch.Tensor) -> torch.Tensor:
    """Write places and target places of micro-batches one behind the other to `out` (int64, as many); return it.

    Each has an even number of rows, so that all begin at a multiple of 16 bytes, as Triton's kernels are compiled for.
    """
    return torch.cat(_parts(batches), out=out)


def taken_apart(together: torch.Tensor, batches: Sequence[MicroBatch]) -> list[MicroBatch]:
    """Return micro-batches whose places and target places are views of what `lay_together` made of them."""
    views = iter(torch.split(together, [len(one) for one in _parts(batches)]))
    return [
        replace(one, places=next(views).view_as(one.places), target_places=next(views).view_as(one.target_places))
        for one in batches
    ]


def _parts(batches: Sequence[MicroBatch]) -> list[torch.Tensor]:
    return [tensor.flatten() for batch in batches for tensor in (batch.places, batch.target_places)]
