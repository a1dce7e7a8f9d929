"""Dequantizing bitsandbytes NF4 weights in Triton, block maxima and an adapter's B beside them in one pass."""

from typing import Any

import bitsandbytes as bnb
import torch
import triton
import triton.language as tl


@triton.jit
def _dequantize(
    packed, code, maxima, code2, maxima2, offset, out, b, b_out, columns, out_stride, groups, programs, b_size, rank,
    GROUPS: tl.constexpr, GROUP_BYTES: tl.constexpr, GROUPS2: tl.constexpr, NESTED: tl.constexpr, B_BLOCK: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0)
    kind = out.dtype.element_ty
    if program < programs:
        # A row of the block is a group, which has one scale and lies within one row of the weight.
        group = program * GROUPS + tl.arange(0, GROUPS)
        inside = group < groups
        if NESTED:
            index = tl.load(maxima + group, mask=inside, other=0).to(tl.int32)
            scale = tl.load(code2 + index) * tl.load(maxima2 + group // GROUPS2, mask=inside, other=0.0)
            scale += tl.load(offset)
        else:
            scale = tl.load(maxima + group, mask=inside, other=0.0)
        place = group[:, None] * GROUP_BYTES + tl.arange(0, GROUP_BYTES)[None, :]
        byte = tl.load(packed + place, mask=inside[:, None], other=0).to(tl.int32)
        first = tl.load(code + (byte >> 4)) * scale[:, None]
        second = tl.load(code + (byte & 15)) * scale[:, None]
        element = group * (2 * GROUP_BYTES)
        to = (element // columns).to(tl.int64) * out_stride + element % columns
        to = out + to[:, None] + tl.arange(0, 2 * GROUP_BYTES)[None, :]
        tl.store(to, tl.interleave(first.to(kind), second.to(kind)), mask=inside[:, None])
    elif B_BLOCK > 0:
        number = (program - programs) * B_BLOCK + tl.arange(0, B_BLOCK)
        there = number < b_size
        b_to = b_out + (number // rank).to(tl.int64) * out_stride + number % rank
        tl.store(b_to, tl.load(b + number, mask=there, other=0.0), mask=there)


_GROUPS, _WARPS = 32, 4
_B_BLOCK = 2048


def dequantize_nf4(
    packed: torch.Tensor,
    state: Any,
    out: torch.Tensor,
    b: torch.Tensor | None = None,
    b_out: torch.Tensor | None = None,
) -> None:
    """Write a 4-bit weight's values to `out`, and an adapter's B to `b_out`.

    Args:
        packed: bitsandbytes' bytes, two values each, the first one in the high bits.
        state: bitsandbytes' `QuantState` of the weight.
        out: (rows, columns), may be a slice of wider rows.
        b: (rows, rank), contiguous, or None.
        b_out: (rows, rank), a slice of the same rows as `out`.
    """
    rows, columns = out.shape
    if columns % state.blocksize:  # a group of values with one scale goes over a row's end
        out.copy_(bnb.functional.dequantize_4bit(packed, state))
        if b is not None and b_out is not None:
            b_out.copy_(b)
        return
    nested = bool(state.nested)
    second = state.state2 if nested else None
    groups, b_size = rows * columns // state.blocksize, 0 if b is None else b.numel()
    programs = triton.cdiv(groups, _GROUPS)
    _dequantize[(programs + triton.cdiv(b_size, _B_BLOCK),)](
        packed, state.code, state.absmax, second.code if second else None, second.absmax if second else None,
        state.offset if second else None, out, b, b_out, columns, out.stride(0), groups, programs, b_size,
        max(b_size // rows, 1), GROUPS=_GROUPS, GROUP_BYTES=state.blocksize // 2,
        GROUPS2=second.blocksize if second else 1, NESTED=nested, B_BLOCK=_B_BLOCK if b_size else 0,
        num_warps=_WARPS,
    )  # fmt: skip
