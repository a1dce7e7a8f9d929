"""A moving average of what trains: single steps of a policy gradient scatter about a better point between them."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn


class WeightAverage:
    """An exponential moving average of parameters, which can take their place for a while.

    `values` are the average in float32, by name; the parameters themselves where `decay` is 0.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        """Begin at the parameters as they are; each `add` keeps the share `decay` of what was averaged."""
        self.parameters, self.decay = parameters, decay
        # In 16 bit a twentieth of a step's small change would be rounded away.
        self.values = {name: p.detach().float().clone() if decay else p.detach() for name, p in parameters.items()}

    @torch.no_grad()
    def add(self) -> None:
        """Take the parameters as they are into the average."""
        if self.decay:
            now = [parameter.detach().float() for parameter in self.parameters.values()]
            torch._foreach_lerp_(list(self.values.values()), now, 1 - self.decay)

    def in_place(self) -> AbstractContextManager[None]:
        """Let the parameters be their average inside the context."""
        return replaced(self.parameters, self.values) if self.decay else nullcontext()


@contextmanager
def replaced(parameters: Mapping[str, nn.Parameter], values: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Let parameters have other values inside the context."""
    kept = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    copy_into(parameters, values)
    try:
        yield
    finally:
        copy_into(parameters, kept)


@torch.no_grad()
def copy_into(tensors: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    """Give tensors the values of those of the same names."""
    for name, value in values.items():
        tensors[name].copy_(value)
