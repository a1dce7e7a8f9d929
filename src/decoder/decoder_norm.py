"""An RMSNorm of a decoder, whose weight is frozen or trained."""

from typing import Any

import torch

from ..descriptions import NormDescription
from ..kernels.norm_weight import add_norm_weight_gradient
from ..kernels.rms_norm import rms_norm, rms_norm_backward


class DecoderNorm:
    """Forward and backward of transformers' norm.

    Attributes:
        gradient: (width,), sum of the weight's gradients, where it trains.
    """

    def __init__(self, module: Any, description: NormDescription) -> None:
        """Read the weight of transformers' norm, now and at each use."""
        self.module, self.description = module, description
        self.gradient: torch.Tensor | None = None

    def forward(self, x: torch.Tensor, out: torch.Tensor, plus: torch.Tensor | None = None) -> torch.Tensor:
        """See `rms_norm`."""
        return rms_norm(x, self.module.weight, self.description.eps, out, plus)

    def again(self, x: torch.Tensor) -> torch.Tensor:
        """Return what `forward` wrote to `out`."""
        out = torch.empty_like(x)
        self.forward(x, out)
        return out

    def backward(self, grad: torch.Tensor, x: torch.Tensor, inverse: torch.Tensor, onto: torch.Tensor) -> torch.Tensor:
        """See `rms_norm_backward`; the weight's gradient is added to `gradient`, where it trains."""
        if self.gradient is not None:
            add_norm_weight_gradient(self.gradient, grad, x, inverse)
        return rms_norm_backward(grad, x, self.module.weight, inverse, onto)
