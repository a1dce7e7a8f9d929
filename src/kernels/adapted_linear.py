"""Linear layers that share their input as one matrix product: frozen with low-rank adapters, or trained themselves.

The adapters' reduced inputs stand beside the input and their B beside the frozen weight, so that one product computes
base and adapter, forward and backward, without further passes over the outputs:

    [x | s drop(x) A^T] [W | B]^T = x W^T + s drop(x) A^T B^T
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from .dropout import Drop
from .few_rows import linear


@dataclass(frozen=True)
class Adapter:
    """A layer's adapter: A (rank, in) and B (out, rank), trained, and the factor of its output (Hu et al. 2021)."""

    a: torch.nn.Parameter
    b: torch.nn.Parameter
    scaling: float


class FusedWeight(Protocol):
    """Base weights of all layers one below the other, with the adapters' B beside them: (out, in + ranks)."""

    def b_blocks(self) -> list[torch.Tensor]:
        """Return where the B (out, rank) of each layer with an adapter is written."""

    def refresh(self) -> None:
        """Take over what the blocks of B hold now, where that takes more than reading them."""

    def load(self) -> torch.Tensor:
        """Return the fused weight, filled, with what the blocks of B hold now and zeros around them."""


@dataclass(frozen=True)
class HeldWeight:
    """A fused weight that stays in memory, as on the CPU."""

    fused: torch.Tensor
    blocks: list[torch.Tensor]

    def b_blocks(self) -> list[torch.Tensor]:
        """Return the blocks, slices of the fused weight."""
        return self.blocks

    def refresh(self) -> None:
        """Do nothing: the blocks are slices of the weight that products read."""

    def load(self) -> torch.Tensor:
        """Return the weight as it is."""
        return self.fused


@dataclass
class AdapterBlock:
    """An adapter, its outputs and ranks among those of its linear, and the sums of its gradients."""

    adapter: Adapter
    outputs: slice
    ranks: slice
    grad_b: torch.Tensor | None = None


class AdaptedLinear:
    """Some layers with their adapters.

    Attributes:
        width: of the input.
        ranks: sum of the adapters' ranks; a fused input has `width + ranks` columns.
        a: (ranks, width), the adapters' scaled A one below the other, in the compute type.
        blocks: its adapters.
        grad_a: (ranks, width), sum of the gradients of the adapters' A one below the other.
        grad_weight: (out, width), sum of the weights' gradients, where these train.
        grad_bias: (out,), the same of the biases.
        aside: what is called with `add_gradients`' work and operands to do it later; None does it at once.
    """

    def __init__(
        self,
        source: FusedWeight,
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
        self.a = like.new_zeros(self.ranks, self.width)
        self.weight = source.load() if isinstance(source, HeldWeight) else like
        self.grad_a: torch.Tensor | None = None
        self.grad_weight: torch.Tensor | None = None
        self.grad_bias: torch.Tensor | None = None
        self.aside: Callable[..., None] | None = None
        self.blocks: list[AdapterBlock] = []
        row = rank = 0
        for count, adapter in zip(rows, adapters, strict=True):
            if adapter:
                self.blocks.append(AdapterBlock(adapter, slice(row, row + count), slice(rank, rank + len(adapter.a))))
                rank += len(adapter.a)
            row += count

    def load(self) -> None:
        """Fill the fused weight: dequantize, where the base is kept in 4 bit."""
        self.weight = self.source.load()

    def forward(self, fused_input: torch.Tensor, drop: Drop | None) -> torch.Tensor:
        """Return the outputs (tokens, out) of `fused_input` (tokens, width + ranks), whose last columns are filled."""
        self.fill(fused_input, drop)
        return linear(fused_input, self.weight, self.bias)

    def fill(self, fused_input: torch.Tensor, drop: Drop | None) -> None:
        """Fill the last columns of `fused_input`, as `forward` does."""
        if self.ranks:
            self.reduce(fused_input[:, : self.width], drop, fused_input[:, self.width :])

    def reduce(self, x: torch.Tensor, drop: Drop | None, out: torch.Tensor) -> None:
        """Write `s drop(x) A^T` to `out` (tokens, ranks)."""
        torch.mm(x if drop is None else drop(x), self.a.t(), out=out)

    def input_gradient(self, grad: torch.Tensor, drop: Drop | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return gradients of x (tokens, width) and its reduced form (tokens, ranks) for `grad` (tokens, out)."""
        grad_x, grad_reduced = self.base_input_gradient(grad)
        if self.ranks and drop is None:
            grad_x.addmm_(grad_reduced, self.a)
        elif self.ranks and drop is not None:
            drop.add_product(grad_x, grad_reduced, self.a)
        return grad_x, grad_reduced

    def base_input_gradient(self, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `input_gradient`, but x's gradient is that through the base layer alone."""
        fused = grad @ self.weight
        return fused[:, : self.width], fused[:, self.width :]

    def add_gradients(
        self, grad: torch.Tensor, grad_reduced: torch.Tensor, x: torch.Tensor, reduced: torch.Tensor, drop: Drop | None
    ) -> None:
        """Add to the sums of the gradients of what trains, the adapters or the weights.

        Args:
            grad: of the outputs (tokens, out).
            grad_reduced: from `input_gradient`.
            x: the input (tokens, width).
            reduced: the last columns of the fused input (tokens, ranks).
            drop: as in the forward.
        """
        if self.aside is None:
            self._add_gradients(grad, grad_reduced, x, reduced, drop)
        else:
            self.aside(self._add_gradients, grad, grad_reduced, x, reduced, drop)

    def _add_gradients(
        self, grad: torch.Tensor, grad_reduced: torch.Tensor, x: torch.Tensor, reduced: torch.Tensor, drop: Drop | None
    ) -> None:
        if self.grad_weight is not None:
            _add_product(self.grad_weight, grad.t(), x, 1.0)
        if self.grad_bias is not None:
            self.grad_bias.add_(grad.sum(0))
        if not self.ranks:
            return
        assert self.grad_a is not None
        x = x if drop is None else drop(x)
        kept = 1.0 if drop is None else 1 - self.dropout
        scalings = [block.adapter.scaling for block in self.blocks]
        if len(set(scalings)) == 1:
            _add_product(self.grad_a, grad_reduced.t(), x, scalings[0] / kept)
        else:
            for block, scaling in zip(self.blocks, scalings, strict=True):
                _add_product(self.grad_a[block.ranks], grad_reduced[:, block.ranks].t(), x, scaling / kept)
        for block in self.blocks:
            assert block.grad_b is not None
            _add_product(block.grad_b, grad[:, block.outputs].t(), reduced[:, block.ranks], 1.0)


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor, factor: float) -> None:
    """Add `factor * left @ right` to `total`, which may be of a wider type."""
    if total.dtype == left.dtype:
        total.addmm_(left, right, alpha=factor)
    elif total.is_cuda:  # the product itself adds to the sum in float32
        torch.addmm(total, left, right, out_dtype=total.dtype, alpha=factor, out=total)
    else:
        total.add_(left @ right, alpha=factor)
