"""RMSNorm (Zhang and Sennrich 2019) forward and backward; its weight's gradient is in `norm_weight`."""

import torch


def rms_norm(
    x: torch.Tensor,
    weight: torch.Tensor,
    eps: float,
    out: torch.Tensor,
    plus: torch.Tensor | None = None,
    plus_one: bool = False,
) -> torch.Tensor:
    """Write `x / rms(x) * weight` to `out`; return 1 / rms(x), float32.

    Args:
        x: (rows, width); with `plus` it becomes the sum of both first.
        weight: (width,).
        eps: added to the mean square.
        out: (rows, width), may be a slice of wider rows.
        plus: (rows, width), contiguous, such as what a residual connection adds.
        plus_one: the factor is 1 + weight in float32, and its product rounded once (Gemma), where the others round
            `x / rms(x)` before the weight.

    Returns:
        (rows, 1), for the backward.
    """
    if x.is_cuda:
        from .cuda import rms_norm as cuda

        return cuda.rms_norm(x, weight, eps, out, plus, plus_one)
    if plus is not None:
        x.add_(plus)
    x32 = x if x.dtype == torch.float64 else x.float()
    inverse: torch.Tensor = (
        torch.linalg.vector_norm(x32, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
    )
    if plus_one:
        out.copy_((x32 * inverse).mul_(weight.to(x32.dtype) + 1))
        return inverse
    if x32 is x:
        torch.mul(x, inverse, out=out)
    else:
        out.copy_(x32 * inverse)
    out.mul_(weight)
    return inverse


def rms_norm_backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    inverse: torch.Tensor,
    onto: torch.Tensor | None,
    plus_one: bool = False,
) -> torch.Tensor:
    """Return `onto`, if any, plus the gradient of `rms_norm`'s x for `grad`, that of its output; all (rows, width)."""
    if x.is_cuda:
        from .cuda import rms_norm as cuda

        return cuda.rms_norm_backward(grad, x, weight, inverse, onto, plus_one)
    scaled = grad.to(inverse.dtype) * (weight.to(inverse.dtype) + 1 if plus_one else weight)
    # d/dx of x r w, with r = (mean(x^2) + eps)^(-1/2): r (g w) - x r^3 mean(g w x)
    inner = (scaled * x).sum(dim=-1, keepdim=True).mul_(inverse.pow(3)).div_(x.shape[-1])
    result = scaled.mul_(inverse).addcmul_(x.to(inverse.dtype), inner, value=-1)
    if onto is not None:
        result.add_(onto)
    return result.to(x.dtype)
