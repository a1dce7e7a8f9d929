"""The gradients of all that trains, in one buffer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..kernels.adapted_linear import AdaptedLinear


@dataclass(frozen=True)
class Sink:
    """An attribute of `owner` to which a backward adds gradients, and the parameters whose rows these are."""

    owner: Any
    name: str
    parameters: Sequence[nn.Parameter]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of what is added to."""
        return (sum(map(len, self.parameters)), *self.parameters[0].shape[1:])


class GradientBuffer:
    """All gradients in one buffer, where the written-out backward adds to them.

    Attributes:
        flat: (elements,) all of them.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        """Allocate the buffer, in the type of the parameters."""
        shapes = [torch.Size(sink.shape) for sink in sinks]
        like = sinks[0].parameters[0]
        self.flat = torch.zeros(sum(shape.numel() for shape in shapes), dtype=like.dtype, device=like.device)
        parts = torch.split(self.flat, [shape.numel() for shape in shapes])
        self._views = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        self._sinks = sinks
        self.pairs: list[tuple[nn.Parameter, torch.Tensor]] = []
        for sink, view in zip(sinks, self._views, strict=True):
            self.pairs += zip(sink.parameters, torch.split(view, [len(p) for p in sink.parameters]), strict=True)

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

    def attach(self) -> None:
        """Make the backward add to this buffer."""
        for sink, view in zip(self._sinks, self._views, strict=True):
            setattr(sink.owner, sink.name, view)

    def detach(self) -> None:
        """Make the backward add to nothing until a buffer is claimed, so that this one can be freed."""
        for sink in self._sinks:
            setattr(sink.owner, sink.name, None)


def adapter_sinks(linears: Sequence[AdaptedLinear]) -> Iterator[Sink]:
    """Yield the sinks of all adapters; the A matrices of layers that share an input lie one below the other."""
    for linear in linears:
        if linear.blocks:
            yield Sink(linear, "grad_a", [block.adapter.a for block in linear.blocks])
        for block in linear.blocks:
            yield Sink(block, "grad_b", [block.adapter.b])
