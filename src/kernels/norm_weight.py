"""The gradient of RMSNorm's weight, where it trains; see `rms_norm`."""

import torch


def add_norm_weight_gradient(total: torch.Tensor, grad: torch.Tensor, x: torch.Tensor, inverse: torch.Tensor) -> None:
    """Add to `total` (width,) the gradient of `rms_norm`'s weight, the sum over rows of `grad * x / rms(x)`.

    `grad` is of the output, `x` what was normalized, both (rows, width); `inverse` is what `rms_norm` returned.
    """
    if x.is_cuda:
        from .cuda import norm_weight as cuda

        return cuda.add_norm_weight_gradient(total, grad, x, inverse)
    total.add_(torch.mv((grad.to(inverse.dtype) * x).t(), inverse.squeeze(1)))
