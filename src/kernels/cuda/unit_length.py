"""Heads of length 1 in Triton, forward and backward: queries and keys of a gated delta rule.

Flash Linear Attention's own kernels for it are compiled in 25 variants each, again for other numbers of rows:
minutes of a first run.
"""

from typing import Any

import torch
import triton
import triton.language as tl

_EPS = 1e-6  # beside the sum of squares, as that library and transformers have it
_ROWS = 16


@triton.jit
def _heads_of(rows, heads, token_stride, head_stride, width, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Return a program's rows and which of them there are, and of their numbers which, their places, and dense ones."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, BLOCK)
    there = row < rows
    inside = there[:, None] & (columns < width)[None, :]
    first = row // heads * token_stride + row % heads * head_stride
    return row, there, inside, first[:, None] + columns[None, :], row[:, None] * width + columns[None, :]


@triton.jit
def _unit_forward(
    x, out, inverse, rows, heads, token_stride, head_stride, width, eps, ROWS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    row, there, inside, place, dense = _heads_of(rows, heads, token_stride, head_stride, width, ROWS, BLOCK)
    values = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    factor = 1 / tl.sqrt(tl.sum(values * values, 1) + eps)
    tl.store(inverse + row, factor, mask=there)
    result = (values * factor[:, None]).to(out.dtype.element_ty)
    tl.store(out + dense, result, mask=inside)


@triton.jit
def _unit_backward(
    grad, unit, inverse, out, rows, heads, token_stride, head_stride, width, ROWS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    row, there, inside, place, dense = _heads_of(rows, heads, token_stride, head_stride, width, ROWS, BLOCK)
    upstream = tl.load(grad + place, mask=inside, other=0.0).to(tl.float32)
    values = tl.load(unit + dense, mask=inside, other=0.0).to(tl.float32)
    factor = tl.load(inverse + row, mask=there, other=0.0)
    result = (upstream - tl.sum(upstream * values, 1)[:, None] * values) * factor[:, None]
    tl.store(out + dense, result.to(out.dtype.element_ty), mask=inside)


class _UnitLength(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        tokens, heads, width = x.shape
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        inverse = torch.empty(tokens * heads, dtype=torch.float32, device=x.device)
        _unit_forward[_grid(x)](
            x, out, inverse, *_rows(x), width, _EPS, ROWS=_ROWS, BLOCK=triton.next_power_of_2(width), num_warps=4
        )
        ctx.save_for_backward(out, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        unit, inverse = ctx.saved_tensors
        grad = grad if grad.stride(2) == 1 else grad.contiguous()
        out, width = torch.empty_like(unit), unit.shape[2]
        _unit_backward[_grid(grad)](
            grad, unit, inverse, out, *_rows(grad), width, ROWS=_ROWS, BLOCK=triton.next_power_of_2(width), num_warps=4
        )
        return out


def unit_length(x: torch.Tensor) -> torch.Tensor:
    """Return each head of `x` (tokens, heads, width), whose last dimension is dense, at length 1, as a dense tensor."""
    made: torch.Tensor = _UnitLength.apply(x)  # type: ignore[no-untyped-call]
    return made


def _rows(x: torch.Tensor) -> tuple[int, int, int, int]:
    tokens, heads, _ = x.shape
    return tokens * heads, heads, x.stride(0), x.stride(1)


def _grid(x: torch.Tensor) -> tuple[int]:
    return (triton.cdiv(x.shape[0] * x.shape[1], _ROWS),)
