"""A moving average of what trains: single steps of a policy gradient scatter about a better point between them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

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

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the parameters be their average inside the context."""
        if not self.decay:
            yield
            return
        kept = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self._set(self.values)
        try:
            yield
        finally:
            self._set(kept)

    @torch.no_grad()
    def _set(self, values: Mapping[str, torch.Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(values[name])
