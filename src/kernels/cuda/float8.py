"""Rounding to 8-bit floating point in Triton: one program a row, which is read once."""

import torch
import triton
import triton.language as tl


@triton.jit
def _write_rows(
    x, values, scales, x_stride, out_stride, columns, padded,
    LARGEST: tl.constexpr, SMALLEST: tl.constexpr, BLOCK: tl.constexpr, NEW: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    places = tl.arange(0, BLOCK)
    exact = tl.load(x + row * x_stride + places, mask=places < columns, other=0.0).to(tl.float32)
    if NEW:
        scale = tl.maximum(tl.max(tl.abs(exact), 0), SMALLEST) / LARGEST
        tl.store(scales + row, scale)
    else:
        scale = tl.load(scales + row)
    rounded = tl.minimum(tl.maximum(exact / scale, -LARGEST), LARGEST).to(values.dtype.element_ty)
    tl.store(values + row * out_stride + places, rounded, mask=places < padded)


def write_rows(
    x: torch.Tensor, values: torch.Tensor, scales: torch.Tensor, new_scales: bool, largest: float, smallest: float
) -> None:
    """See `kernels.float8.write_rows`; `largest` is the type's largest number, `smallest` the least scale times it."""
    block = triton.next_power_of_2(values.shape[1])
    _write_rows[(len(x),)](
        x, values, scales, x.stride(0), values.stride(0), x.shape[1], values.shape[1],
        LARGEST=largest, SMALLEST=smallest, BLOCK=block, NEW=new_scales, num_warps=max(1, min(16, block // 512)),
    )  # fmt: skip
