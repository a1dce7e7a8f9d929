"""What stands before an attention or an MLP, or after it: an RMSNorm, whose weight is frozen or trained, or nothing."""

from typing import Any

import torch

from ..descriptions import NormDescription
from ..kernels.norm_weight import add_norm_weight_gradient
from ..kernels.rms_norm import rms_norm, rms_norm_backward


class NoNorm:
    """What stands where a layer has no norm: the input itself."""

    def forward(self, x: torch.Tensor, out: torch.Tensor, plus: torch.Tensor | None = None) -> torch.Tensor:
        """Write x to `out`, with `plus` the sum of both, which x becomes; return nothing's factors."""
        if plus is not None:
            x.add_(plus)
        out.copy_(x)
        return x.new_empty(0)

    def again(self, x: torch.Tensor) -> torch.Tensor:
        """Return what `forward` wrote to `out`."""
        return x

    def backward(
        self, grad: torch.Tensor, x: torch.Tensor, inverse: torch.Tensor, onto: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return `onto`, if any, plus `grad`."""
        return grad if onto is None else grad + onto


class DecoderNorm(NoNorm):
    """Forward and backward of transformers' norm. Where its weight trains, `gradient` (width,) sums its gradients."""

    def __init__(self, module: Any, description: NormDescription) -> None:
        self.module, self.description = module, description
        self.gradient: torch.Tensor | None = None

    def forward(self, x: torch.Tensor, out: torch.Tensor, plus: torch.Tensor | None = None) -> torch.Tensor:
        """See `rms_norm`."""
        return rms_norm(x, self.module.weight, self.description.eps, out, plus, self.description.plus_one)

    def again(self, x: torch.Tensor) -> torch.Tensor:
        """Return what `forward` wrote to `out`."""
        out = torch.empty_like(x)
        self.forward(x, out)
        return out

    def backward(
        self, grad: torch.Tensor, x: torch.Tensor, inverse: torch.Tensor, onto: torch.Tensor | None = None
    ) -> torch.Tensor:
        """See `rms_norm_backward`; the weight's gradient is added to `gradient`, where it trains."""
        if self.gradient is not None:
            add_norm_weight_gradient(self.gradient, grad, x, inverse)
        return rms_norm_backward(grad, x, self.module.weight, inverse, onto, self.description.plus_one)


def scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
    """Return x times a factor, in place; with a factor of 1 as it is."""
    return x if factor == 1 else x.mul_(factor)
