"""How far the gradients of an engine are from those of the model's own `forward`."""

from collections.abc import Sequence

import torch
from torch import nn

_SMALL = 0.1  # of the usual gradient: a smaller one is compared with this


class GradientComparison:
    """Compares the gradients of a backward with others, one after the other as they come, and keeps none."""

    def __init__(self, parameters: Sequence[nn.Parameter], ours: dict[nn.Parameter, torch.Tensor]) -> None:
        """Watch parameters, whose `.grad` is None, for `ours`; one that is not in there has none."""
        self._ours = dict(ours)
        self._norms: list[torch.Tensor] = []  # of the difference and of the gradient, for each parameter
        self._handles = [
            p.register_post_accumulate_grad_hook(self._compare)  # type: ignore[no-untyped-call]
            for p in parameters
        ]

    def _compare(self, parameter: torch.Tensor) -> None:
        gradient, parameter.grad = parameter.grad, None
        assert gradient is not None
        theirs = gradient.float()
        ours = self._ours.pop(parameter, None)  # type: ignore[call-overload]
        difference = theirs if ours is None else theirs - ours.float()
        self._norms.append(torch.stack([torch.linalg.vector_norm(difference), torch.linalg.vector_norm(theirs)]))

    def error(self, of_all: bool) -> float:
        """Return |ours - theirs| / |theirs| of all gradients, or else the largest of one; stop watching.

        In 16 bit a single small gradient may be rounding for the most part.
        """
        for handle in self._handles:
            handle.remove()
        self._norms += [torch.stack([ours.float().norm(), ours.new_zeros(()).float()]) for ours in self._ours.values()]
        difference, size = torch.stack(self._norms).double().cpu().unbind(1)
        if of_all:
            return float(difference.norm() / size.norm().clamp(min=1e-30))
        usual = size.square().mean().sqrt()
        return float((difference / (size + _SMALL * usual).clamp(min=1e-30)).max())
