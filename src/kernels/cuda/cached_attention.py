"""Attention to a cache in Triton: one program a row and key head, which reads only the places that are filled."""

import torch
import triton
import triton.language as tl

from ..heads import AttentionShape, HeadNorms, Rotary
from .rotary import rotate_heads


@triton.jit
def _attend(
    qkv, keys, values, lengths, out, qkv_stride, out_stride, places, scale, window,
    HEADS: tl.constexpr, KEY_HEADS: tl.constexpr, GROUP: tl.constexpr, WIDTH: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    key_head = tl.program_id(1)
    length = tl.load(lengths + row).to(tl.int32)
    column = tl.arange(0, WIDTH)
    member = tl.arange(0, 16)  # the smallest block that a product of matrices takes
    line = qkv + row * qkv_stride
    cache = (row * KEY_HEADS + key_head) * places * WIDTH
    new_key = tl.load(line + (HEADS + key_head) * WIDTH + column)
    new_value = tl.load(line + (HEADS + KEY_HEADS + key_head) * WIDTH + column)
    tl.store(keys + cache + length * WIDTH + column, new_key)
    tl.store(values + cache + length * WIDTH + column, new_value)
    at = (key_head * GROUP + member[:, None]) * WIDTH + column[None, :]
    q = tl.load(line + at, mask=member[:, None] < GROUP, other=0.0)
    # The new token first, from its registers: what was stored just now is not read back.
    score = tl.sum(q.to(tl.float32) * new_key[None, :].to(tl.float32), 1) * scale
    highest = score
    total = tl.full([16], 1.0, tl.float32)
    result = tl.zeros([16, WIDTH], tl.float32) + new_value[None, :].to(tl.float32)
    begin = 0
    if window is not None:
        begin = tl.maximum(length - window + 1, 0)
    for start in range(begin // N * N, length, N):
        place = start + tl.arange(0, N)
        there = (place >= begin) & (place < length)
        at_place = cache + place[:, None] * WIDTH + column[None, :]
        k = tl.load(keys + at_place, mask=there[:, None], other=0.0)
        scores = tl.where(there[None, :], tl.dot(q, tl.trans(k)) * scale, -float("inf"))
        new = tl.maximum(highest, tl.max(scores, 1))
        weights = tl.exp2(scores - new[:, None])
        shrink = tl.exp2(highest - new)
        total = total * shrink + tl.sum(weights, 1)
        v = tl.load(values + at_place, mask=there[:, None], other=0.0)
        result = tl.dot(weights.to(v.dtype), v, result * shrink[:, None])
        highest = new
    to = out + row * out_stride + at
    tl.store(to, (result / total[:, None]).to(out.dtype.element_ty), mask=member[:, None] < GROUP)


def cached_attention(
    qkv: torch.Tensor,
    rotary: Rotary,
    cache: tuple[torch.Tensor, torch.Tensor],
    lengths: torch.Tensor,
    shape: AttentionShape,
    norms: HeadNorms | None,
    out: torch.Tensor,
) -> None:
    """See `kernels.cached_attention.cached_attention`."""
    weights, eps, plus_one = (None, 0.0, False) if norms is None else (norms.weights, norms.eps, norms.plus_one)
    rotate_heads(qkv, rotary, shape.heads, shape.key_heads, weights, eps, qkv, plus_one)
    keys, values = cache
    # Three stages of float32 heads of 128 are more shared memory than most cards have, 64 places of wider ones too.
    stages = 3 if shape.width * keys.element_size() <= 256 else 1
    block = 64 if shape.width <= 128 else 16384 // shape.width // keys.element_size()
    _attend[(len(qkv), shape.key_heads)](
        qkv, keys, values, lengths, out, qkv.stride(0), out.stride(0), keys.shape[2],
        shape.scale * 1.4426950408889634, shape.window, HEADS=shape.heads, KEY_HEADS=shape.key_heads,
        GROUP=shape.heads // shape.key_heads, WIDTH=shape.width, N=block, num_warps=4, num_stages=stages,
    )  # fmt: skip
