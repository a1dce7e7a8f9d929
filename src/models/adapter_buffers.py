"""Buffers of all adapters: their gradients, and their values in the compute type."""

from collections.abc import Sequence

import torch

from ..kernels.adapted_linear import AdaptedLinear


class AdapterGradients:
    """The gradients of all adapters in one buffer, where the layers' backward adds to them.

    Attributes:
        flat: (elements,) all of them.
    """

    def __init__(self, linears: Sequence[AdaptedLinear]) -> None:
        """Allocate the buffer; the A of layers that share an input lie one below the other."""
        self.linears = linears
        adapters = [block.adapter for linear in linears for block in linear.blocks]
        like = adapters[0].a
        self.flat = torch.zeros(sum(x.a.numel() + x.b.numel() for x in adapters), dtype=like.dtype, device=like.device)
        self.pairs: list[tuple[torch.nn.Parameter, torch.Tensor]] = []
        self._views: list[tuple[torch.Tensor, list[torch.Tensor]]] = []
        place = 0
        for linear in linears:
            grad_a = self.flat[place : place + linear.a.numel()].view(linear.a.shape)
            place += linear.a.numel()
            self.pairs += [(block.adapter.a, grad_a[block.ranks]) for block in linear.blocks]
            blocks = []
            for b in (block.adapter.b for block in linear.blocks):
                blocks.append(self.flat[place : place + b.numel()].view(b.shape))
                place += b.numel()
                self.pairs.append((b, blocks[-1]))
            self._views.append((grad_a, blocks))

    def claim(self) -> None:
        """Make the linears add to this buffer and each `.grad` its part of it, for good: a captured graph writes there.

        Parts whose `.grad` was reset are zeroed.
        """
        for linear, (grad_a, blocks) in zip(self.linears, self._views, strict=True):
            if linear.grad_a is not grad_a:
                linear.grad_a = grad_a
                for block, grad_b in zip(linear.blocks, blocks, strict=True):
                    block.grad_b = grad_b
        reset = [pair for pair in self.pairs if pair[0].grad is not pair[1]]
        if len(reset) == len(self.pairs):
            self.flat.zero_()
        elif reset:
            torch._foreach_zero_([gradient for _, gradient in reset])
        for parameter, gradient in reset:
            parameter.grad = gradient


class Refresh:
    """Copies the adapters' newest values to where the products read them."""

    def __init__(self, linears: Sequence[AdaptedLinear]) -> None:
        """List what is copied."""
        pairs = [(linear, block) for linear in linears for block in linear.blocks]
        self._a = [linear.a[block.ranks] for linear, block in pairs]
        self._b = [part for linear in linears for part in linear.source.b_blocks()]
        self._new_a: list[torch.Tensor] = [block.adapter.a for _, block in pairs]
        self._new_b: list[torch.Tensor] = [block.adapter.b for _, block in pairs]
        self._scaling = [block.adapter.scaling for _, block in pairs]
        self._linears = [linear for linear, _ in pairs]

    @torch.no_grad()
    def __call__(self, dropping: bool) -> None:
        """Copy, for passes with or without dropout."""
        if not self._a:
            return
        torch._foreach_copy_(self._a, self._new_a)
        kept = [1 - linear.dropout if dropping else 1.0 for linear in self._linears]
        torch._foreach_mul_(self._a, [scaling / share for scaling, share in zip(self._scaling, kept, strict=True)])
        torch._foreach_copy_(self._b, self._new_b)
