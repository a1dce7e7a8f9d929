"""Packing: the examples of an optimizer step laid end to end in micro-batches, without padding between them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from .templates import IGNORE

FILLER = 1 << 30


@dataclass(frozen=True)
class MicroBatch:
    """Examples laid end to end. Two of 3 and 2 tokens (the last two and the last one are the summaries)::

    input_ids        [5, 6, 2, 7, 2]   filler, if any, is a sequence of its own at the end
    positions        [0, 1, 2, 0, 1]
    starts           [0, 3, 5]         where each sequence begins; the last one is the end
    target_positions [0, 1, 3]         positions whose next token is a target
    targets          [6, 2, 2]
    examples         [0, 0, 0, 1, 1]   each token's example, by its place in the step (filler: FILLER)
    offsets          [0, 3, 5]         `starts` in int32, as attention kernels read them
    longest          3                 tokens of the longest sequence
    tokens           5                 without filler
    """

    input_ids: torch.Tensor
    positions: torch.Tensor
    starts: torch.Tensor
    target_positions: torch.Tensor
    targets: torch.Tensor
    examples: torch.Tensor
    ends: torch.Tensor
    tokens: int

    def to(self, device: torch.device | str) -> "MicroBatch":
        """Return the batch with its tensors on `device`."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "MicroBatch":
        """Return the batch in pinned memory (called by torch's DataLoader)."""
        return self._with(torch.Tensor.pin_memory)

    def _with(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "MicroBatch":
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changed: dict[str, Any] = {n: change(v) for n, v in values.items() if isinstance(v, torch.Tensor)}
        return replace(self, **changed)


def assign_to_bins(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Return the examples of each micro-batch: first-fit decreasing; one longer than `capacity` gets its own.

    Args:
        lengths: tokens of each example.
        capacity: tokens of a micro-batch.
    """
    bins: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        place = next((b for b, free in enumerate(room) if free >= lengths[index]), None)
        if place is None:
            bins.append([])
            room.append(max(capacity, lengths[index]))
            place = len(bins) - 1
        bins[place].append(index)
        room[place] -= lengths[index]
    return bins


@dataclass(frozen=True)
class StepPacker:
    """The collator of a whole optimizer step: dataset items in, micro-batches out.

    Attributes:
        micro_batch_tokens: most tokens of a micro-batch (an example that is longer gets one of its own).
        multiple: each micro-batch is filled up to a multiple of this many tokens, so that few shapes occur.
    """

    micro_batch_tokens: int
    multiple: int = 1
    filler_id: int = 0

    def __call__(self, items: Sequence[dict[str, torch.Tensor]]) -> dict[str, Any]:
        """Return `micro_batches` (list of MicroBatch) and `target_tokens` of the step."""
        bins = assign_to_bins([len(item["input_ids"]) for item in items], self.micro_batch_tokens)
        batches = [self._lay_out(items, indices) for indices in bins]
        return {"micro_batches": batches, "target_tokens": sum(len(batch.targets) for batch in batches)}

    def _lay_out(self, items: Sequence[dict[str, torch.Tensor]], indices: Sequence[int]) -> MicroBatch:
        ids = [items[index]["input_ids"] for index in indices]
        tokens = sum(len(one) for one in ids)
        filler = -tokens % self.multiple
        if filler:
            ids.append(torch.full((filler,), self.filler_id))
        numbers = [*indices, FILLER][: len(ids)]
        lengths = [len(one) for one in ids]
        starts = torch.tensor([0, *lengths]).cumsum(0)
        # The label at a position is the token there; the position before it predicts it.
        labels = [torch.cat([items[index]["labels"][1:], torch.tensor([IGNORE])]) for index in indices]
        shifted = torch.cat(labels)
        target_positions = torch.nonzero(shifted != IGNORE).flatten()
        return MicroBatch(
            input_ids=torch.cat(ids),
            positions=torch.cat([torch.arange(length) for length in lengths]),
            starts=starts,
            target_positions=target_positions,
            targets=shifted[target_positions],
            examples=torch.repeat_interleave(torch.tensor(numbers), torch.tensor(lengths)),
            ends=torch.repeat_interleave(starts[1:], torch.tensor(lengths)),
            tokens=tokens,
        )


def unpacked(batches: Iterable[MicroBatch]) -> list[dict[str, torch.Tensor]]:
    """Return the dataset items that a step's micro-batches were made of, in the order of their numbers.

    `labels` are -100 where nothing is a target; `StepPacker` makes of the items what it made of the originals.
    """
    items: dict[int, dict[str, torch.Tensor]] = {}
    for batch in batches:
        labels = torch.full((len(batch.input_ids) + 1,), IGNORE)
        labels[batch.target_positions + 1] = batch.targets
        for begin, end in zip(batch.starts.tolist(), batch.starts[1:].tolist(), strict=False):
            number = int(batch.examples[begin])
            if number != FILLER:
                items[number] = {"input_ids": batch.input_ids[begin:end], "labels": labels[begin:end]}
    return [items[number] for number in sorted(items)]


def filler_share(batches: Iterable[MicroBatch]) -> float:
    """Return the share of filler in all tokens of some micro-batches."""
    laid = [(batch.tokens, len(batch.input_ids)) for batch in batches]
    total = sum(length for _, length in laid)
    return (total - sum(tokens for tokens, _ in laid)) / max(total, 1)
