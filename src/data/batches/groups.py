"""Prompts with several continuations each, packed: a prompt's tokens stand, and are computed, once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .bins import assign_to_bins
from .packing import FILLER, MicroBatch


@dataclass(frozen=True)
class PromptGroup:
    """A prompt, its continuations (not empty), and for each of these the factor of its tokens' loss.

    Attributes:
        counted: how many continuations, the first ones, are in the loss that is told; None is all. The others are
            learned from all the same.
    """

    prompt: Sequence[int]
    continuations: Sequence[Sequence[int]]
    weights: Sequence[float]
    counted: int | None = None

    @property
    def tokens(self) -> int:
        """Return how many tokens are computed."""
        return len(self.prompt) - 1 + sum(map(len, self.continuations))


def pack_groups(groups: Sequence[PromptGroup], micro_batch_tokens: int, multiple: int = 1) -> list[MicroBatch]:
    """Return micro-batches of at most so many tokens (a larger group gets one of its own).

    Each is filled up to a multiple of `multiple` tokens, so that few shapes occur.

    All tokens of continuations are targets. The prompt's last token begins each of them, since each one's first token
    is predicted there. A prompt [5, 6] with [7, 2] (weight 1) and [8, 9, 2] (weight -0.5)::

        input_ids        [5, 6, 7, 6, 8, 9]
        positions        [0, 1, 2, 1, 2, 3]
        ends             [6, 6, 6, 6, 6, 6]     of the group
        examples         [0, 0, 0, 0, 0, 0]     the group's place in `groups`
        before           [0, 0, 0, 0, 0, 0]     what stands before: from here
                         [0, 1, 1, 1, 1, 1]     to here
        target_positions [1, 2, 3, 4, 5]
        targets          [7, 2, 8, 9, 2]
        weights          [1, 1, -0.5, -0.5, -0.5]
        counted          [1, 1, 0, 0, 0]        with `counted` 1, else None
        starts           [0, 1, 3, 6]
    """
    bins = assign_to_bins([group.tokens for group in groups], micro_batch_tokens)
    return [_lay_out(groups, indices, multiple) for indices in bins]


def _lay_out(groups: Sequence[PromptGroup], indices: Sequence[int], multiple: int) -> MicroBatch:
    tokens = sum(groups[index].tokens for index in indices)
    filler = -tokens % multiple
    places = np.empty((6, tokens + filler), np.int64)
    ids, positions, ends, examples, before, before_end = places
    starts, weights, counted = [0], list[float](), list[float]()
    targets, target_positions = list[int](), list[int]()
    for index in indices:
        group, first = groups[index], starts[-1]
        shared, last = len(group.prompt) - 1, group.prompt[-1]
        whole = slice(first, first + group.tokens)
        ends[whole], examples[whole], before[whole], before_end[whole] = whole.stop, index, first, first + shared
        if shared:
            own = slice(first, first + shared)
            ids[own], positions[own], before_end[own] = group.prompt[:-1], np.arange(shared), first
            starts.append(own.stop)
        for number, (continuation, weight) in enumerate(zip(group.continuations, group.weights, strict=True)):
            own = slice(starts[-1], starts[-1] + len(continuation))
            ids[own] = [last, *continuation[:-1]]
            positions[own] = np.arange(shared, shared + len(continuation))
            starts.append(own.stop)
            targets += continuation
            target_positions += range(own.start, own.stop)
            weights += [weight] * len(continuation)
            counted += [float(group.counted is None or number < group.counted)] * len(continuation)
    if filler:
        places[:, tokens:] = np.array([[0], [0], [tokens + filler], [FILLER], [tokens], [tokens]])
        positions[tokens:] = np.arange(filler)
        starts.append(tokens + filler)
    return MicroBatch(
        torch.from_numpy(places),
        torch.tensor([target_positions, targets]),
        torch.tensor(starts),
        tokens,
        filler=filler,
        weights=torch.tensor(weights),
        counted=None if all(counted) else torch.tensor(counted),
    )
