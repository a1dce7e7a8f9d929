"""RMSNorm in Triton: one program a row."""

import torch
import triton
import triton.language as tl


@triton.jit
def _norm_forward(
    x, plus, weight, out, inverse, x_stride, out_stride, width, eps, BLOCK: tl.constexpr, ADDED: tl.constexpr,
    PLUS_ONE: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    values = tl.load(x + row * x_stride + columns, mask=inside, other=0.0).to(tl.float32)
    if ADDED:
        values += tl.load(plus + row * width + columns, mask=inside, other=0.0).to(tl.float32)
        rounded = values.to(x.dtype.element_ty)
        tl.store(x + row * x_stride + columns, rounded, mask=inside)
        values = rounded.to(tl.float32)
    factor = tl.rsqrt(tl.sum(values * values) / width + eps)
    tl.store(inverse + row, factor)
    kind = out.dtype.element_ty
    if PLUS_ONE:
        scaled = values * factor * (1 + tl.load(weight + columns, mask=inside, other=0.0).to(tl.float32))
    else:
        # Rounded before the weight, as transformers does; a product in float32 is then rounded once, as in 16 bit.
        normal = (values * factor).to(kind).to(tl.float32)
        scaled = normal * tl.load(weight + columns, mask=inside, other=0.0).to(kind).to(tl.float32)
    tl.store(out + row * out_stride + columns, scaled.to(kind), mask=inside)


@triton.jit
def _norm_backward(
    grad, x, weight, inverse, onto, out, grad_stride, x_stride, width, BLOCK: tl.constexpr, PLUS_ONE: tl.constexpr
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    values = tl.load(x + row * x_stride + columns, mask=inside, other=0.0).to(tl.float32)
    upstream = tl.load(grad + row * grad_stride + columns, mask=inside, other=0.0).to(tl.float32)
    scale = tl.load(weight + columns, mask=inside, other=0.0).to(tl.float32)
    upstream *= 1 + scale if PLUS_ONE else scale
    factor = tl.load(inverse + row)
    inner = tl.sum(upstream * values) / width
    result = upstream * factor - values * (factor * factor * factor * inner)
    if onto is not None:
        result += tl.load(onto + row * width + columns, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row * width + columns, result.to(out.dtype.element_ty), mask=inside)


def rms_norm(
    x: torch.Tensor,
    weight: torch.Tensor,
    eps: float,
    out: torch.Tensor,
    plus: torch.Tensor | None = None,
    plus_one: bool = False,
) -> torch.Tensor:
    """See `kernels.rms_norm.rms_norm`."""
    rows, width = x.shape
    inverse = torch.empty(rows, 1, dtype=torch.float32, device=x.device)
    block = triton.next_power_of_2(width)
    _norm_forward[(rows,)](
        x, plus, weight, out, inverse, x.stride(0), out.stride(0), width, eps, BLOCK=block, ADDED=plus is not None,
        PLUS_ONE=plus_one, num_warps=_warps(block),
    )  # fmt: skip
    return inverse


def rms_norm_backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    inverse: torch.Tensor,
    onto: torch.Tensor | None,
    plus_one: bool = False,
) -> torch.Tensor:
    """See `kernels.rms_norm.rms_norm_backward`."""
    rows, width = x.shape
    out = torch.empty(rows, width, dtype=x.dtype, device=x.device)
    block = triton.next_power_of_2(width)
    _norm_backward[(rows,)](
        grad, x, weight, inverse, onto, out, grad.stride(0), x.stride(0), width, BLOCK=block, PLUS_ONE=plus_one,
        num_warps=_warps(block),
    )  # fmt: skip
    return out


def _warps(block: int) -> int:
    return max(1, min(16, block // 512))
