"""Dropout of adapter inputs on the CPU: which elements are dropped depends on seed, step, example and layer only.

So packing, the order of micro-batches and recomputation change nothing. The places are drawn by the gaps between them
(geometric, a twentieth of the numbers at p = 0.05): torch's Bernoulli draws each element with one thread at 7 ns.
"""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Places: TypeAlias = npt.NDArray[np.int64]


class Drop(Protocol):
    """Zeroes the dropped elements of an input of adapters, the same ones at each call, for x and for gradients."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (tokens, width), contiguous, with the dropped elements zero."""

    def add_product(self, onto: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        """Add to `onto` (tokens, width) the elements of `left` (tokens, ranks) times `right` that are not dropped."""

    def of_rows(self, rows: torch.Tensor) -> "Drop":
        """Return the same dropout for a subset of tokens, `rows` (ascending)."""


class DropPlaces:
    """A `Drop` of listed places, on the CPU."""

    def __init__(self, places: torch.Tensor, width: int) -> None:
        """Take the places in inputs (tokens, width) that are flattened, int64, rising."""
        self.places, self.width = places, width

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Drop`."""
        return self._drop_from(x.clone(memory_format=torch.contiguous_format))

    def add_product(self, onto: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        """See `Drop`."""
        onto.add_(self._drop_from(left @ right))

    def of_rows(self, rows: torch.Tensor) -> "DropPlaces":
        """See `Drop`."""
        row = self.places // self.width
        index = torch.searchsorted(rows, row)
        kept = torch.cat([rows, rows.new_tensor([-1])])[index] == row
        return DropPlaces(index[kept] * self.width + self.places[kept] % self.width, self.width)

    def _drop_from(self, x: torch.Tensor) -> torch.Tensor:
        x.view(-1).index_fill_(0, self.places, 0.0)
        return x


class DroppedPlaces:
    """The dropped elements of the inputs of all layers of one micro-batch.

    Each example draws its own numbers, from (seed, step, example), over its tokens times `widths` of each layer.
    `drops` holds those of each layer and each of its inputs in turn.
    """

    def __init__(
        self,
        probability: float,
        key: Sequence[int],
        examples: Sequence[int],
        starts: Sequence[int],
        widths: Sequence[int],
        layers: int,
    ) -> None:
        """Draw all places.

        `key` is seed and step, `examples` each example's own number, `starts` where each begins and at last the end, in
        tokens, `widths` those of the inputs of a layer that are dropped from, in order.
        """
        self.widths = list(widths)
        drawn: list[list[Places]] = [[] for _ in range(layers * len(self.widths))]
        for example, begin, end in zip(examples, starts, starts[1:], strict=False):
            generator = np.random.Generator(np.random.SFC64([*key, example]))
            sizes = np.array([(end - begin) * width for _ in range(layers) for width in self.widths])
            places = _draw_places(generator, probability, int(sizes.sum()))
            ends = np.cumsum(sizes)
            cuts = np.searchsorted(places, ends)
            for input_index, (first, last) in enumerate(zip([0, *cuts[:-1]], cuts, strict=True)):
                offset = begin * self.widths[input_index % len(self.widths)] - (ends[input_index] - sizes[input_index])
                drawn[input_index].append(places[first:last] + offset)
        all_places = [torch.from_numpy(np.concatenate(of_input)) for of_input in drawn]
        self.drops = [DropPlaces(one, self.widths[n % len(self.widths)]) for n, one in enumerate(all_places)]


def _draw_places(generator: np.random.Generator, probability: float, size: int) -> Places:
    """Return the places in `range(size)` that independent draws of `probability` choose, rising."""
    found: list[Places] = []
    position, expected, scale = -1, size * probability, -1 / np.log1p(-probability)
    while position < size:
        count = int(expected + 6 * expected**0.5) + 16
        # Whole parts of exponential numbers are geometric ones, drawn three times as fast as by `geometric`.
        gaps = (generator.standard_exponential(count) * scale).astype(np.int64) + 1
        places = position + np.cumsum(gaps)
        found.append(places)
        position, expected = int(places[-1]), max(size - int(places[-1]), 0) * probability
    places = np.concatenate(found)
    return places[: np.searchsorted(places, size)]
