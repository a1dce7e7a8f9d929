"""Packing: the examples of an optimizer step laid end to end in micro-batches, without padding between them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from .bins import assign_to_bins
from .templates import IGNORE

FILLER = 1 << 30


@dataclass(frozen=True)
class MicroBatch:
    """Examples laid end to end. Two of 3 and 2 tokens (the last two and the last one are the summaries)::

        input_ids        [5, 6, 2, 7, 2]   filler, if any, is a sequence of its own at the end
        positions        [0, 1, 2, 0, 1]
        ends             [3, 3, 3, 5, 5]   where each token's sequence ends
        examples         [0, 0, 0, 1, 1]   each token's example, by its place in the step (filler: FILLER)
        target_positions [0, 1, 3]         positions whose next token is a target
        targets          [6, 2, 2]
        starts           [0, 3, 5]         where each sequence begins; the last one is the end

    Attributes:
        places: (4, tokens), the first four, in one tensor since they travel to a GPU together.
        target_places: (2, targets), the next two.
        starts: stays on the CPU.
        tokens: without filler.
    """

    places: torch.Tensor
    target_places: torch.Tensor
    starts: torch.Tensor
    tokens: int

    input_ids = property(lambda self: self.places[0])
    positions = property(lambda self: self.places[1])
    ends = property(lambda self: self.places[2])
    examples = property(lambda self: self.places[3])
    target_positions = property(lambda self: self.target_places[0])
    targets = property(lambda self: self.target_places[1])

    def to(self, device: torch.device | str) -> "MicroBatch":
        """Return the batch with what a GPU reads on `device`."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "MicroBatch":
        """Return the batch in pinned memory (called by torch's DataLoader)."""
        return self._with(torch.Tensor.pin_memory)

    def _with(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "MicroBatch":
        return replace(self, places=change(self.places), target_places=change(self.target_places))


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
        # In NumPy, whose small operations take a fifth of torch's time: a GPU waits for this between two steps.
        ids = [items[index]["input_ids"].numpy() for index in indices]
        lengths = [len(one) for one in ids]
        tokens = sum(lengths)
        if filler := -tokens % self.multiple:
            ids.append(np.full(filler, self.filler_id))
            lengths.append(filler)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.empty((4, tokens + filler), np.int64)
        np.concatenate(ids, out=places[0])
        np.subtract(np.arange(tokens + filler), np.repeat(starts[:-1], lengths), out=places[1])
        places[2] = np.repeat(starts[1:], lengths)
        places[3] = np.repeat([*indices, FILLER][: len(lengths)], lengths)
        # The label at a position is the token there; the position before it predicts it.
        labels = np.concatenate([items[index]["labels"].numpy() for index in indices])
        labels[starts[: len(indices)]] = IGNORE
        target_positions = np.flatnonzero(labels[1:] != IGNORE)
        targets = np.stack([target_positions, labels[target_positions + 1]])
        return MicroBatch(torch.from_numpy(places), torch.from_numpy(targets), torch.from_numpy(starts), tokens)


def filler_share(batches: Iterable[MicroBatch]) -> float:
    """Return the share of filler in all tokens of some micro-batches."""
    laid = [(batch.tokens, len(batch.input_ids)) for batch in batches]
    total = sum(length for _, length in laid)
    return (total - sum(tokens for tokens, _ in laid)) / max(total, 1)
