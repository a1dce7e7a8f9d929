"""Dropout of adapter inputs on the CPU: which elements are dropped depends on seed, step, example and layer only.

So packing, the order of micro-batches and recomputation change nothing. The places are drawn by the gaps between them
(geometric, a twentieth of the numbers at p = 0.05): torch's Bernoulli draws each element with one thread at 7 ns.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Places: TypeAlias = npt.NDArray[np.int64]


class Drop(Protocol):
    """Zeroes the dropped elements of an input of adapters, the same ones at each call, for x and for gradients."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (tokens, width), contiguous, with the dropped elements zero."""
        ...

    def add_product(self, onto: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        """Add to `onto` (tokens, width) the elements of `left` (tokens, ranks) times `right` that are not dropped."""
        ...


class DropBy:
    """A `Drop` by a function that returns a tensor without the dropped elements."""

    def __init__(self, drop: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Take the function."""
        self.drop = drop

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Drop`."""
        return self.drop(x)

    def add_product(self, onto: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        """See `Drop`."""
        onto.add_(self.drop(left @ right))


class DroppedPlaces:
    """The dropped elements of the inputs of all layers of one micro-batch.

    Each example draws its own numbers, from (seed, step, example), over its tokens times `widths` of each layer.
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

        Args:
            probability: share of elements that is dropped.
            key: seed and step.
            examples: each example's own number.
            starts: where each example begins, and at last the end, in tokens.
            widths: widths of the inputs of a layer that are dropped from, in order.
            layers: number of layers.
        """
        self.widths = list(widths)
        drawn: list[list[Places]] = [[] for _ in range(layers * len(self.widths))]
        for example, begin, end in zip(examples, starts, starts[1:], strict=False):
            generator = np.random.Generator(np.random.SFC64([*key, example]))
            sizes = np.array([(end - begin) * width for _ in range(layers) for width in self.widths])
            places = _draw_places(generator, probability, int(sizes.sum()))
            ends = np.cumsum(sizes)
            cuts = np.searchsorted(places, ends)
            for site, (first, last) in enumerate(zip([0, *cuts[:-1]], cuts, strict=True)):
                offset = begin * self.widths[site % len(self.widths)] - (ends[site] - sizes[site])
                drawn[site].append(places[first:last] + offset)
        self._places = [torch.from_numpy(np.concatenate(of_site)) for of_site in drawn]

    def drop(self, layer: int, site: int, x: torch.Tensor) -> torch.Tensor:
        """Return x (tokens, width), contiguous, with the places of input `site` of `layer` zero."""
        dropped = x.contiguous() if not x.is_contiguous() else x.clone()
        dropped.view(-1).index_fill_(0, self._places[layer * len(self.widths) + site], 0.0)
        return dropped


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
