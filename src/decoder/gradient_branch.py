"""Products that add to adapters' gradients on a branch of a captured graph, beside what the layers go on with.

Each has as few rows or columns as there are ranks, so that it occupies a part of a card only, and nothing in a backward
waits for it: they are a third of a small micro-batch's kernels. SmolLM2-135M's step of ten dialogues (H200, dropout)
takes 11.8 ms so, 13.8 without; Llama-3.2-3B's of 2,560 tokens, whose layers fill the card, as long as without.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ..kernels.adapted_linear import AdaptedLinear
from .layer_state import ADAPTED_INPUTS


class GradientBranch:
    """A stream of its own for products of gradients; in a capture, a branch of the graph."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._held: deque[tuple[torch.cuda.Event, tuple[Any, ...]]] = deque()

    @contextmanager
    def beside(self, linears: Sequence[AdaptedLinear]) -> Iterator[None]:
        """Let these layers add their gradients on the branch within the block, and wait for all at its end.

        What they are given must not be overwritten there.
        """
        try:
            for linear in linears:
                linear.aside = self._run
            yield
            torch.cuda.current_stream().wait_stream(self._stream)
        finally:
            self._held.clear()
            for linear in linears:
                linear.aside = None

    def _run(self, add: Callable[..., None], *operands: Any) -> None:
        """Call `add` on the branch, and keep its operands until the main stream waits for it, a layer later."""
        main = torch.cuda.current_stream()
        self._stream.wait_stream(main)
        with torch.cuda.stream(self._stream):
            add(*operands)
        self._held.append((self._stream.record_event(), operands))
        if len(self._held) > ADAPTED_INPUTS:
            done, _ = self._held.popleft()
            main.wait_event(done)


def operand_bytes(linears: Sequence[AdaptedLinear], tokens: int) -> int:
    """Return the bytes of a layer's gradients, inputs and inputs with dropped elements, each with what adapters add."""
    columns = sum(linear.outputs + 2 * (linear.width + linear.ranks) for linear in linears)
    return tokens * columns * linears[0].a.element_size()
