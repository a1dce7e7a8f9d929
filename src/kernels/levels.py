"""Sequences laid end to end, in levels: those that begin anew, then those that go on where one before them ends.

For kernels that take whole sequences with a state to begin with, where `chunks` is for our own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from .chunks import Span


@dataclass(frozen=True)
class Level:
    """Sequences that have as many others before them.

    Attributes:
        tokens: theirs among all, one sequence behind the other.
        starts: (sequences + 1,), int64, where each begins among these tokens, and the end.
        host_starts: the same in the host's memory, for who asks for numbers of blocks.
        parents: (sequences,) which of the level before each goes on from; None in the first level.
    """

    tokens: slice | torch.Tensor
    starts: torch.Tensor
    host_starts: torch.Tensor
    parents: torch.Tensor | None


@dataclass(frozen=True)
class Levels:
    """All levels of some sequences.

    Attributes:
        levels: the first begins anew.
        token_order: (tokens,) of each token its place among those of all levels; None where that is its own.
        sequence_order: (sequences,) of each sequence its place among those of all levels; None likewise.
    """

    levels: list[Level]
    token_order: torch.Tensor | None
    sequence_order: torch.Tensor | None


def levels_of(spans: Sequence[Span], device: torch.device) -> Levels:
    """Return the levels of sequences.

    Raises:
        ValueError: what stands before a sequence is not a whole sequence that comes earlier.
    """
    number_of = {(begin, end): number for number, (begin, end, _) in enumerate(spans)}
    by_depth: list[list[int]] = []
    depths: list[int] = []
    parents: list[int] = []
    for number, (_, _, before) in enumerate(spans):
        parent = number_of.get((before.start, before.stop), len(spans)) if before else -1
        if parent >= number:
            raise ValueError(f"what stands before sequence {number} is not one that comes earlier")
        parents.append(parent)
        depths.append(depths[parent] + 1 if before else 0)
        by_depth += [[] for _ in range(depths[number] + 1 - len(by_depth))]
        by_depth[depths[number]].append(number)
    place_in_level = {number: place for numbers in by_depth for place, number in enumerate(numbers)}

    def level(numbers: list[int]) -> Level:
        lengths = [spans[number][1] - spans[number][0] for number in numbers]
        starts = torch.tensor([0, *accumulate(lengths)], dtype=torch.int64)
        known = [place_in_level[parents[number]] for number in numbers if parents[number] >= 0]
        before = torch.tensor(known, dtype=torch.int64, device=device) if known else None
        return Level(_tokens(spans, numbers, device), starts.to(device), starts, before)

    levels = [level(some) for some in by_depth]
    numbers = [number for some in by_depth for number in some]
    if numbers == list(range(len(spans))):
        return Levels(levels, None, None)
    tokens = [token for number in numbers for token in range(*spans[number][:2])]
    return Levels(levels, _inverse(tokens, device), _inverse(numbers, device))


def _tokens(spans: Sequence[Span], numbers: list[int], device: torch.device) -> slice | torch.Tensor:
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return slice(spans[numbers[0]][0], spans[numbers[-1]][1])
    places = [token for number in numbers for token in range(*spans[number][:2])]
    return torch.tensor(places, dtype=torch.int64, device=device)


def _inverse(order: list[int], device: torch.device) -> torch.Tensor:
    """Return where each of 0, 1, ... stands in an order of them."""
    return torch.tensor(order, dtype=torch.int64).argsort().to(device)
