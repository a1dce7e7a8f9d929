"""The gradient of RMSNorm's weight in Triton: sums over blocks of rows, which torch then adds up."""

import torch
import triton
import triton.language as tl


@triton.jit
def _partial_sums(
    grad, x, inverse, out, rows, grad_stride, x_stride, width, ROWS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    part = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    total = tl.zeros((BLOCK,), tl.float32)
    for number in range(ROWS):
        row = part * ROWS + number
        there = inside & (row < rows)
        upstream = tl.load(grad + row * grad_stride + columns, mask=there, other=0.0).to(tl.float32)
        values = tl.load(x + row * x_stride + columns, mask=there, other=0.0).to(tl.float32)
        total += upstream * values * tl.load(inverse + row, mask=row < rows, other=0.0)
    tl.store(out + part * width + columns, total, mask=inside)


_ROWS, _MOST_COLUMNS = 64, 1024


def add_norm_weight_gradient(total: torch.Tensor, grad: torch.Tensor, x: torch.Tensor, inverse: torch.Tensor) -> None:
    """See `kernels.norm_weight.add_norm_weight_gradient`."""
    rows, width = x.shape
    block = min(_MOST_COLUMNS, triton.next_power_of_2(width))
    partial = torch.empty(triton.cdiv(rows, _ROWS), width, dtype=torch.float32, device=x.device)
    _partial_sums[(len(partial), triton.cdiv(width, block))](
        grad, x, inverse, partial, rows, grad.stride(0), x.stride(0), width, ROWS=_ROWS, BLOCK=block, num_warps=4
    )
    total.add_(partial.sum(0))
