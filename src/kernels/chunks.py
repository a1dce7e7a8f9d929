"""Sequences laid end to end, cut into chunks of equal size: where a recurrent state goes from chunk to chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
import torch

from ..descriptions import DELTA_CHUNK

MOST_KERNEL = 8  # tokens that a convolution sees, its own counted

Span: TypeAlias = tuple[int, int, range]
"""Of a sequence: its first token, the one after its last, and the tokens that stand before it too."""


@dataclass(frozen=True)
class Chunks:
    """Each sequence's tokens in chunks of `DELTA_CHUNK` places, the last one filled up.

    A chunk follows that before it in its sequence; a sequence's first one the last of what stands before it, if
    anything. Chunks of one step have as many before them, and lie side by side, the first step's at the beginning.

    Attributes:
        count: of chunks.
        places: (tokens,) each token's place among count * DELTA_CHUNK.
        steps: the chunks of each step, as (first, one after the last).
        previous: of each step but the first, which of the chunks one step earlier each follows.
        ends: of each step, which of its chunks are the last of a sequence, and of which sequences.
        ages: (tokens,) how many tokens of its own sequence stand before each.
        joints: by distance, tokens whose predecessor so far back stands before their sequence, and these predecessors.
    """

    count: int
    places: torch.Tensor
    steps: list[tuple[int, int]]
    previous: list[torch.Tensor]
    ends: list[tuple[torch.Tensor, torch.Tensor]]
    ages: torch.Tensor
    joints: dict[int, tuple[torch.Tensor, torch.Tensor]]


def chunks_of(spans: Sequence[Span], device: torch.device, reach: int) -> Chunks:
    """Return the chunks of sequences, and the joints of tokens up to `reach` apart.

    Raises:
        ValueError: what stands before a sequence is not a whole sequence that comes earlier.
    """
    number_of = {(begin, end): number for number, (begin, end, _) in enumerate(spans)}
    counts = [-(-(end - begin) // DELTA_CHUNK) for begin, end, _ in spans]
    parents = [number_of.get((before.start, before.stop)) if before else None for _, _, before in spans]
    first_steps: list[int] = []
    by_step: list[list[tuple[int, int]]] = []
    for number, (parent, count) in enumerate(zip(parents, counts, strict=True)):
        if spans[number][2] and (parent is None or parent >= number):
            raise ValueError(f"what stands before sequence {number} is not one that comes earlier")
        first_steps.append(0 if parent is None else first_steps[parent] + counts[parent])
        for index in range(count):
            while len(by_step) <= first_steps[number] + index:
                by_step.append([])
            by_step[first_steps[number] + index].append((number, index))
    order = {pair: place for place, pair in enumerate(pair for pairs in by_step for pair in pairs)}
    edges = [0, *accumulate(map(len, by_step))]

    def local(number: int, index: int, step: int) -> int:
        if index < 0:
            parent = parents[number]
            assert parent is not None
            number, index = parent, counts[parent] - 1
        return order[number, index] - edges[step]

    def on_device(values: Sequence[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.int64, device=device)

    last = [[(local(n, i, step), n) for n, i in pairs if i == counts[n] - 1] for step, pairs in enumerate(by_step)]
    tokens = spans[-1][1] if spans else 0
    places, ages = np.empty(tokens, np.int64), np.empty(tokens, np.int64)
    for number, (begin, end, _) in enumerate(spans):
        ages[begin:end] = own = np.arange(end - begin)
        chunk = np.array([order[number, index] for index in range(counts[number])])
        places[begin:end] = chunk[own // DELTA_CHUNK] * DELTA_CHUNK + own % DELTA_CHUNK
    return Chunks(
        count=len(order),
        places=torch.from_numpy(places).to(device),
        steps=list(pairwise(edges)),
        previous=[
            on_device([local(number, index - 1, step) for number, index in pairs])
            for step, pairs in enumerate(by_step[1:])
        ],
        ends=[(on_device([at for at, _ in some]), on_device([number for _, number in some])) for some in last],
        ages=torch.from_numpy(ages).to(device),
        joints=_joints(spans, device, reach),
    )


def _joints(spans: Sequence[Span], device: torch.device, reach: int) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
    found: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for distance in range(1, reach + 1):
        pairs = [
            (begin + age, before.stop + age - distance)
            for begin, end, before in spans
            for age in range(min(distance, end - begin))
            if before.stop + age - distance >= before.start and before
        ]
        if pairs:
            tokens, sources = torch.tensor(pairs, dtype=torch.int64, device=device).T
            found[distance] = tokens, sources
    return found
