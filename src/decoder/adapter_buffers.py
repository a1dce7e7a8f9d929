"""The adapters' values in the compute type."""

from collections.abc import Sequence

import torch

from ..kernels.adapted_linear import AdaptedLinear


class Refresh:
    """Copies the adapters' newest values to where the products read them."""

    def __init__(self, linears: Sequence[AdaptedLinear]) -> None:
        pairs = [(linear, block) for linear in linears for block in linear.blocks]
        self._a = [linear.a[block.ranks] for linear, block in pairs]
        self._b = [part for linear in linears for part in linear.source.b_blocks()]
        self._new_a: list[torch.Tensor] = [block.adapter.a for _, block in pairs]
        self._new_b: list[torch.Tensor] = [block.adapter.b for _, block in pairs]
        self._scaling = [block.adapter.scaling for _, block in pairs]
        self._linears = [linear for linear, _ in pairs]
        self._sources = [linear.source for linear in linears]

    @torch.no_grad()
    def __call__(self, dropping: bool) -> None:
        """Copy, for passes with or without dropout."""
        if not self._a:
            return
        torch._foreach_copy_(self._a, self._new_a)
        kept = [1 - linear.dropout if dropping else 1.0 for linear in self._linears]
        torch._foreach_mul_(self._a, [scaling / share for scaling, share in zip(self._scaling, kept, strict=True)])
        torch._foreach_copy_(self._b, self._new_b)
        for source in self._sources:
            source.refresh()
