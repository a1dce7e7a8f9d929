"""The gradients of all that trains, in one buffer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..kernels.adapted_linear import AdaptedLinear


@dataclass(frozen=True)
class GradientPart:
    """An attribute of `owner` to which a backward adds gradients, and the parameters whose rows these are."""

    owner: Any
    name: str
    parameters: Sequence[nn.Parameter]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of what is added to."""
        return (sum(map(len, self.parameters)), *self.parameters[0].shape[1:])


class GradientBuffer:
    """All gradients in one buffer, `flat`, where the written-out backward adds to them."""

    def __init__(self, parts: Sequence[GradientPart]) -> None:
        shapes = [torch.Size(part.shape) for part in parts]
        like = parts[0].parameters[0]
        self.flat = torch.zeros(sum(shape.numel() for shape in shapes), dtype=like.dtype, device=like.device)
        pieces = torch.split(self.flat, [shape.numel() for shape in shapes])
        self._views = [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        self._parts = parts
        self.pairs: list[tuple[nn.Parameter, torch.Tensor]] = []
        for part, view in zip(parts, self._views, strict=True):
            self.pairs += zip(part.parameters, torch.split(view, [len(p) for p in part.parameters]), strict=True)

    def claim(self) -> None:
        """Make each `.grad` a permanent view of this buffer. Captured graphs write there.

        Views whose `.grad` was reset are zeroed.
        """
        self.attach()
        reset = [pair for pair in self.pairs if pair[0].grad is not pair[1]]
        if len(reset) == len(self.pairs):
            self.flat.zero_()
        elif reset:
            torch._foreach_zero_([gradient for _, gradient in reset])
        for parameter, gradient in reset:
            parameter.grad = gradient

    def reset(self) -> None:
        """Take all parameters' `.grad` away."""
        for parameter, _ in self.pairs:
            parameter.grad = None

    def attach(self) -> None:
        """Make the backward add to this buffer."""
        for part, view in zip(self._parts, self._views, strict=True):
            setattr(part.owner, part.name, view)

    def detach(self) -> None:
        """Make the backward add to nothing until a buffer is claimed, so that this one can be freed."""
        for part in self._parts:
            setattr(part.owner, part.name, None)


def adapter_gradients(linears: Sequence[AdaptedLinear]) -> Iterator[GradientPart]:
    """Yield the places of all adapters' gradients; A matrices of layers with one input lie one below the other."""
    for linear in linears:
        if linear.blocks:
            yield GradientPart(linear, "grad_a", [block.adapter.a for block in linear.blocks])
        for block in linear.blocks:
            yield GradientPart(block, "grad_b", [block.adapter.b])
