"""Frozen linear layers that share their input, with their low-rank adapters, as one matrix product.

The adapters' reduced inputs stand beside the input and their B beside the frozen weight, so that one product computes
base and adapter, forward and backward, without further passes over the outputs:

    [x | s drop(x) A^T] [W | B]^T = x W^T + s drop(x) A^T B^T
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

Drop = Callable[[torch.Tensor], torch.Tensor]
"""Returns a contiguous tensor with the dropped elements zero, the same ones at each call (for x and gradients)."""


@dataclass(frozen=True)
class Adapter:
    """A layer's adapter: A (rank, in) and B (out, rank), trained, and the factor of its output (Hu et al. 2021)."""

    a: torch.nn.Parameter
    b: torch.nn.Parameter
    scaling: float


class WideWeight(Protocol):
    """Base weights of all layers one below the other, with room for the adapters' B: (out, in + ranks)."""

    def load(self) -> torch.Tensor:
        """Return the wide weight; the base part is filled, the last columns are the caller's."""
        ...


@dataclass(frozen=True)
class HeldWeight:
    """A wide weight that stays in memory, as on the CPU."""

    wide: torch.Tensor

    def load(self) -> torch.Tensor:
        """Return it."""
        return self.wide


class AdaptedLinear:
    """Some layers with their adapters.

    Attributes:
        width: of the input.
        ranks: sum of the adapters' ranks; a wide input has `width + ranks` columns.
        a: (ranks, width), the adapters' scaled A one below the other, in the compute type.
        b: (out, ranks), their B block by block.
    """

    def __init__(
        self,
        source: WideWeight,
        bias: torch.Tensor | None,
        rows: Sequence[int],
        adapters: Sequence[Adapter | None],
        dropout: float,
        like: torch.Tensor,
    ) -> None:
        """Take the weights, each layer's number of outputs and adapter, and `like`, (0, width) in the compute type."""
        self.source, self.bias, self.dropout = source, bias, dropout
        self.outputs, self.width = sum(rows), like.shape[1]
        self.ranks = sum(len(adapter.a) for adapter in adapters if adapter)
        held = source.wide if isinstance(source, HeldWeight) else None
        self.a = like.new_zeros(self.ranks, self.width)
        self.b = like.new_zeros(self.outputs, self.ranks) if held is None else held[:, self.width :]
        self.weight = like if held is None else held
        self._copies_b = bool(self.ranks) and held is None
        self.blocks: list[tuple[Adapter, slice, slice]] = []
        row = rank = 0
        for count, adapter in zip(rows, adapters, strict=True):
            if adapter:
                self.blocks.append((adapter, slice(row, row + count), slice(rank, rank + len(adapter.a))))
                rank += len(adapter.a)
            row += count

    def load(self) -> None:
        """Fill the wide weight: dequantize, where the base is kept in 4 bit."""
        self.weight = self.source.load()
        if self._copies_b:
            self.weight[:, self.width :].copy_(self.b)

    def forward(self, wide_input: torch.Tensor, drop: Drop | None) -> torch.Tensor:
        """Return the outputs (tokens, out) of `wide_input` (tokens, width + ranks), whose last columns are filled."""
        if self.ranks:
            self.reduce(wide_input[:, : self.width], drop, wide_input[:, self.width :])
        if self.bias is None:
            return wide_input @ self.weight.t()
        return torch.addmm(self.bias, wide_input, self.weight.t())

    def reduce(self, x: torch.Tensor, drop: Drop | None, out: torch.Tensor) -> None:
        """Write `s drop(x) A^T` to `out` (tokens, ranks)."""
        torch.mm(x if drop is None else drop(x), self.a.t(), out=out)

    def input_gradient(self, grad: torch.Tensor, drop: Drop | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return gradients of x (tokens, width) and its reduced form (tokens, ranks) for `grad` (tokens, out)."""
        wide = grad @ self.weight
        grad_x, grad_reduced = wide[:, : self.width], wide[:, self.width :]
        if self.ranks and drop is None:
            grad_x.addmm_(grad_reduced, self.a)
        elif self.ranks and drop is not None:
            grad_x.add_(drop(grad_reduced @ self.a))
        return grad_x, grad_reduced

    def add_gradients(
        self,
        grad: torch.Tensor,
        grad_reduced: torch.Tensor,
        x: torch.Tensor,
        reduced: torch.Tensor,
        drop: Drop | None,
    ) -> None:
        """Add to the adapters' `.grad`.

        Args:
            grad: of the outputs (tokens, out).
            grad_reduced: from `input_gradient`.
            x: the input (tokens, width).
            reduced: the last columns of the wide input (tokens, ranks).
            drop: as in the forward.
        """
        if not self.ranks:
            return
        grad_a = grad_reduced.t() @ (x if drop is None else drop(x))
        for adapter, outputs, ranks in self.blocks:
            scaling = adapter.scaling if drop is None else adapter.scaling / (1 - self.dropout)
            adapter.a.grad.add_(grad_a[ranks], alpha=scaling)  # type: ignore[union-attr]
            adapter.b.grad.add_(grad[:, outputs].t() @ reduced[:, ranks])  # type: ignore[union-attr]


def refresh(linears: Sequence[AdaptedLinear], dropping: bool) -> None:
    """Copy the adapters' newest values to where the products read them, for passes with or without dropout."""
    blocks = [(linear, *block) for linear in linears for block in linear.blocks]
    if not blocks:
        return
    a = [linear.a[ranks] for linear, _, _, ranks in blocks]
    torch._foreach_copy_(a, [adapter.a.detach() for _, adapter, _, _ in blocks])
    kept = [1 - linear.dropout if dropping else 1.0 for linear, _, _, _ in blocks]
    torch._foreach_mul_(a, [block[1].scaling / share for block, share in zip(blocks, kept, strict=True)])
    b = [linear.b[outputs, ranks] for linear, _, outputs, ranks in blocks]
    torch._foreach_copy_(b, [adapter.b.detach() for _, adapter, _, _ in blocks])
