"""Packing: the examples of an optimizer step laid end to end in micro-batches, without padding between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..prompt.templates import IGNORE
from .bins import assign_to_bins, deal, shared_tokens

FILLER = 1 << 30
SHARED = FILLER + 1


@dataclass(frozen=True)
class MicroBatch:
    """Examples laid end to end, after the tokens that all examples of the run begin with, which are computed once.

    Two of 3 and 2 tokens (the last two and the last one are the summaries), without such tokens::

        input_ids        [5, 6, 2, 7, 2]   filler, if any, is a sequence of its own at the end
        positions        [0, 1, 2, 0, 1]
        ends             [3, 3, 3, 5, 5]   where each token's sequence ends
        examples         [0, 0, 0, 1, 1]   each token's example, by its place in the step (filler: FILLER)
        target_positions [0, 1, 3]         positions whose next token is a target
        targets          [6, 2, 2]
        starts           [0, 3, 5]         where each sequence begins; the last one is the end

    With the first 2 tokens shared, [5, 6, 7, 2] and [5, 6, 9, 8, 2] are::

        input_ids        [5, 6, 7, 2, 9, 8, 2]
        positions        [0, 1, 2, 3, 2, 3, 4]
        starts           [0, 2, 4, 7]        the shared tokens are a sequence too

    Attributes:
        places: (4, tokens), the first four, in one tensor since they travel to a GPU together; (6, tokens) in groups.
        target_places: (2, targets), the next two.
        starts: stays on the CPU.
        tokens: of the examples, each counted whole.
        shared: number of tokens that all examples begin with; their example is SHARED.
        filler: tokens that belong to none.
        weights: (targets,) float32, factors of the targets' gradients; None is 1 everywhere.
        counted: (targets,) float32, 1 for targets that are in the loss that is told, else 0; None is 1 everywhere.
    """

    places: torch.Tensor
    target_places: torch.Tensor
    starts: torch.Tensor
    tokens: int
    shared: int = 0
    filler: int = 0
    weights: torch.Tensor | None = None
    counted: torch.Tensor | None = None

    input_ids = property(lambda self: self.places[0])
    positions = property(lambda self: self.places[1])
    ends = property(lambda self: self.places[2])
    examples = property(lambda self: self.places[3])
    target_positions = property(lambda self: self.target_places[0])
    targets = property(lambda self: self.target_places[1])

    @property
    def before(self) -> torch.Tensor | None:
        """Return (2, tokens), where what stands before each token's sequence begins and ends (see `groups`)."""
        return self.places[4:] if len(self.places) > 4 else None

    @property
    def count(self) -> int:
        """Return the number of its examples."""
        return len(self.starts) - 1 - (self.filler > 0) - (self.shared > 0)

    def to(self, device: torch.device | str) -> "MicroBatch":
        """Return the batch with what a GPU reads on `device`."""

        def moved(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, non_blocking=True)

        weights = None if self.weights is None else moved(self.weights)
        counted = None if self.counted is None else moved(self.counted)
        places, targets = moved(self.places), moved(self.target_places)
        return replace(self, places=places, target_places=targets, weights=weights, counted=counted)


@dataclass(frozen=True)
class StepPacker:
    """The collator of a whole optimizer step: dataset items in, micro-batches out.

    Attributes:
        micro_batch_tokens: most tokens of a micro-batch (an example that is longer gets one of its own).
        multiple: each micro-batch is filled up to a multiple of this many tokens, so that few shapes occur.
        filler_id: the filler's token.
        shared: prefix length common to all examples, without targets. From 16 tokens on it is computed once per
            micro-batch, whatever the batch, so dropout stays reproducible.
        side_by_side: how many micro-batches are computed at a time.
        rank: of this process among those that train the run.
        ranks: how many they are; each packs the examples that `deal` gives it.
    """

    micro_batch_tokens: int
    multiple: int = 1
    filler_id: int = 0
    shared: int = 0
    side_by_side: int = 1
    rank: int = 0
    ranks: int = 1

    def __call__(self, items: Sequence[dict[str, torch.Tensor]]) -> dict[str, Any]:
        """Return this rank's `micro_batches` (list of MicroBatch), and `target_tokens` and `tokens` of the step."""
        lengths = [len(item["input_ids"]) for item in items]
        if self.ranks == 1:
            batches = self.pack(items, range(len(items)))
            targets = sum(len(batch.targets) for batch in batches)
        else:
            dealt = deal(lengths, self.ranks)
            own = dealt[self.rank]
            size = self._size([[lengths[number] for number in its] for its in dealt])
            batches = self.pack([items[number] for number in own], own, size)
            targets = sum(int(np.count_nonzero(item["labels"].numpy()[1:] != IGNORE)) for item in items)
        return {"micro_batches": batches, "target_tokens": targets, "tokens": sum(lengths)}

    def pack(self, items: Sequence[dict[str, torch.Tensor]], numbers: Sequence[int], size: int = 0) -> list[MicroBatch]:
        """Return micro-batches of items, whose places in the step are `numbers`, each of at least `size` tokens."""
        shared = shared_tokens(self.shared)
        lengths = [len(item["input_ids"]) - shared for item in items]
        bins = assign_to_bins(lengths, self.micro_batch_tokens - shared, self.side_by_side)
        return [self._lay_out(items, indices, numbers, shared, size) for indices in bins]

    def _size(self, dealt: Sequence[Sequence[int]]) -> int:
        """Return the tokens of the largest micro-batch where each rank has one, within `micro_batch_tokens`; else 0.

        All ranks fill up theirs to that: the step takes as long as the largest one anyway, and the graphs of a new size
        are captured by all ranks in the same step, not by one after another while others wait.
        """
        if self.multiple == 1:
            return 0
        shared = shared_tokens(self.shared)
        tokens = [shared + sum(length - shared for length in lengths) for lengths in dealt if lengths]
        largest = max(tokens)
        return largest + -largest % self.multiple if largest <= self.micro_batch_tokens else 0

    def _lay_out(
        self,
        items: Sequence[dict[str, torch.Tensor]],
        indices: Sequence[int],
        names: Sequence[int],
        shared: int,
        size: int = 0,
    ) -> MicroBatch:
        # In NumPy, whose small operations take a fifth of torch's time: a GPU waits for this between two steps.
        whole = [items[index]["input_ids"].numpy() for index in indices]
        ids, before = [one[shared:] for one in whole], [shared] * len(whole)
        numbers = [names[index] for index in indices]
        if shared:
            ids, numbers, before = [whole[0][:shared], *ids], [SHARED, *numbers], [0, *before]
        tokens = sum(map(len, ids))
        if filler := max(size - tokens, -tokens % self.multiple):
            ids, numbers, before = [*ids, np.full(filler, self.filler_id)], [*numbers, FILLER], [*before, 0]
        lengths = [len(one) for one in ids]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.empty((4, tokens + filler), np.int64)
        np.concatenate(ids, out=places[0])
        np.subtract(np.arange(tokens + filler), np.repeat(starts[:-1] - before, lengths), out=places[1])
        places[2] = np.repeat(starts[1:], lengths)
        places[3] = np.repeat(numbers, lengths)
        # The label at a position is the token there; the position before it predicts it.
        labels = np.concatenate([items[index]["labels"].numpy()[shared:] for index in indices])
        firsts = np.cumsum([0, *(len(one) - shared for one in whole[:-1])])
        labels[firsts] = IGNORE
        target_positions = np.flatnonzero(labels[1:] != IGNORE)
        targets = np.stack([target_positions + shared, labels[target_positions + 1]])
        places_of, targets_of, starts_of = map(torch.from_numpy, (places, targets, starts))
        return MicroBatch(places_of, targets_of, starts_of, sum(map(len, whole)), shared, filler)


def unpacked(batches: Iterable[MicroBatch]) -> dict[int, dict[str, torch.Tensor]]:
    """Return the dataset items that a step's micro-batches were made of, by their numbers, in order.

    `labels` are -100 where nothing is a target; `StepPacker` makes of the items what it made of the originals.
    """
    items: dict[int, dict[str, torch.Tensor]] = {}
    for batch in batches:
        labels = torch.full((len(batch.input_ids) + 1,), IGNORE)
        labels[batch.target_positions + 1] = batch.targets
        for begin, end in zip(batch.starts.tolist(), batch.starts[1:].tolist(), strict=False):
            number = int(batch.examples[begin])
            if number < FILLER:
                places = torch.cat([torch.arange(batch.shared), torch.arange(begin, end)]).to(labels.device)
                items[number] = {"input_ids": batch.input_ids[places], "labels": labels[places]}
    return {number: items[number] for number in sorted(items)}
