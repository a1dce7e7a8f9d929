"""What attention kernels need to know: numbers of heads, their norms, and where sequences begin and end."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import torch

from .chunks import MOST_KERNEL, Chunks, Span, chunks_of
from .levels import Levels, levels_of

Rotary: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines (tokens, head width / 2)."""


@dataclass(frozen=True)
class AttentionShape:
    """Numbers of query heads and key/value heads, and the width of one.

    Attributes:
        factor: of the scores; None is one over the root of the width.
        window: how many positions a token sees, its own counted; None sees all before it.
    """

    heads: int
    key_heads: int
    width: int
    factor: float | None = None
    window: int | None = None

    @property
    def scale(self) -> float:
        """Return the factor of the scores."""
        return self.width**-0.5 if self.factor is None else self.factor

    @property
    def columns(self) -> int:
        """Return the width of queries, keys and values side by side."""
        return (self.heads + 2 * self.key_heads) * self.width


@dataclass
class HeadNorms:
    """RMSNorm of each query and key head before rotation (Qwen3, Gemma 3).

    Attributes:
        weights: (2, width), queries' first.
        plus_one: see `rms_norm`.
        gradient: (2 x width,), sum of the weights' gradients, where these train.
    """

    weights: torch.Tensor
    eps: float
    gradient: torch.Tensor | None = None
    plus_one: bool = False

    def gradients(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return the sums of both, queries' first."""
        if self.gradient is None:
            return None, None
        queries, keys = self.gradient.chunk(2)
        return queries, keys


@dataclass(frozen=True)
class Sequences:
    """Sequences laid end to end: where each begins and at last the end; each token's position, and its sequence's end.

    The first `shared` tokens, a sequence of their own, stand before each of the others too, which see them.

    Or, in groups (a prompt and its continuations, laid behind it), `before` (2, tokens) says for each token where what
    stands before its sequence begins and ends: the prompt for a continuation, nothing (its own start twice) for others.
    Then `ends` are those of whole groups.

    The CPU reads `starts`, `shared` and `before`, a GPU the tensors (int64, on it); layers with a recurrent state read
    `starts` there too.

    `continued` says whether more tokens will follow, so that states are kept.
    """

    starts: list[int]
    positions: torch.Tensor
    ends: torch.Tensor
    shared: int = 0
    before: torch.Tensor | None = None
    continued: bool = False

    @cached_property
    def spans(self) -> list[Span]:
        """Return of each sequence its begin, its end and the tokens that stand before it too."""
        spans = list(pairwise(self.starts))
        if self.before is None:
            return [(begin, end, range(self.shared if begin else 0)) for begin, end in spans]
        before = self.before[:, [begin for begin, _ in spans]].T.tolist()
        return [(begin, end, range(*places)) for (begin, end), places in zip(spans, before, strict=True)]

    @cached_property
    def chunks(self) -> Chunks:
        """Return the chunks that a recurrent state goes through."""
        return chunks_of(self.spans, self.positions.device, reach=MOST_KERNEL - 1)

    @cached_property
    def levels(self) -> Levels:
        """Return the levels in which sequences go on from others."""
        return levels_of(self.spans, self.positions.device)
