"""The adapters' values in the compute type."""

from collections.abc import Callable, Sequence

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
        self._copy = self._copies()

    @torch.no_grad()
    def __call__(self, dropping: bool) -> None:
        """Copy, for passes with or without dropout."""
        if not self._a:
            return
        kept = [1 - linear.dropout if dropping else 1.0 for linear in self._linears]
        self._copy([scaling / share for scaling, share in zip(self._scaling, kept, strict=True)])
        for source in self._sources:
            source.refresh()

    def _copies(self) -> Callable[[list[float]], None]:
        """Return what copies, given the factors of A: on a GPU one launch for all, where they lie for it."""
        sources, places = [*self._new_a, *self._new_b], [*self._a, *self._b]
        if not places or not places[0].is_cuda:
            return self._copy_each
        from ..kernels.cuda.scaled_copies import ScaledCopies

        if not ScaledCopies.suit(sources, places):
            return self._copy_each
        copies, ones = ScaledCopies(sources, places), [1.0] * len(self._b)
        return lambda factors: copies([*factors, *ones])

    def _copy_each(self, factors: list[float]) -> None:
        torch._foreach_copy_(self._a, self._new_a)
        torch._foreach_mul_(self._a, factors)
        torch._foreach_copy_(self._b, self._new_b)
