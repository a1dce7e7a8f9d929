"""Dequantizing bitsandbytes NF4 weights in Triton, block maxima and all in one pass."""

from typing import Any

import torch
import triton
import triton.language as tl


@triton.jit
def _dequantize(
    packed, code, maxima, code2, maxima2, offset, out, row_bytes, out_stride, total_bytes,
    BLOCK_BYTES: tl.constexpr, GROUP_BYTES: tl.constexpr, GROUPS2: tl.constexpr, NESTED: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0).to(tl.int64) * BLOCK_BYTES + tl.arange(0, BLOCK_BYTES)
    inside = place < total_bytes
    byte = tl.load(packed + place, mask=inside, other=0).to(tl.int32)
    group = place // GROUP_BYTES
    if NESTED:
        index = tl.load(maxima + group, mask=inside, other=0).to(tl.int32)
        scale = tl.load(code2 + index) * tl.load(maxima2 + group // GROUPS2, mask=inside, other=0.0)
        scale += tl.load(offset)
    else:
        scale = tl.load(maxima + group, mask=inside, other=0.0)
    first = tl.load(code + (byte >> 4)) * scale
    second = tl.load(code + (byte & 15)) * scale
    kind = out.dtype.element_ty
    both = tl.interleave(first.to(kind), second.to(kind))
    element = tl.program_id(0).to(tl.int64) * (2 * BLOCK_BYTES) + tl.arange(0, 2 * BLOCK_BYTES)
    row = element // (2 * row_bytes)
    column = element % (2 * row_bytes)
    tl.store(out + row * out_stride + column, both, mask=element < 2 * total_bytes)


_BLOCK_BYTES = 1024


def dequantize_nf4(packed: torch.Tensor, state: Any, out: torch.Tensor) -> None:
    """Write a 4-bit weight's values to `out`.

    Args:
        packed: bitsandbytes' bytes, two values each, the first one in the high bits.
        state: bitsandbytes' `QuantState` of the weight.
        out: (rows, columns), may be a slice of wider rows.
    """
    rows, columns = out.shape
    nested = bool(state.nested)
    second = state.state2 if nested else None
    _dequantize[(triton.cdiv(rows * columns // 2, _BLOCK_BYTES),)](
        packed, state.code, state.absmax, second.code if second else None, second.absmax if second else None,
        state.offset if second else None, out, columns // 2, out.stride(0), rows * columns // 2,
        BLOCK_BYTES=_BLOCK_BYTES, GROUP_BYTES=state.blocksize // 2, GROUPS2=second.blocksize if second else 1,
        NESTED=nested, num_warps=4,
    )  # fmt: skip
