"""Dropout by counters (Philox, Salmon et al. 2011): an element's fate follows from its place, so nothing is kept."""

import torch
import triton
import triton.language as tl


@triton.jit
def _drop(x, out, seed, examples, positions, site, threshold, x_stride, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    group = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)  # of four columns
    key = tl.load(seed)
    zero = group * 0
    position, example = tl.load(positions + row).to(tl.int32), tl.load(examples + row).to(tl.int32)
    a, b, c, d = tl.philox(key, group, zero + position, zero + example, zero + site)
    left, right = tl.interleave(a, c), tl.interleave(b, d)
    numbers = tl.interleave(left, right).to(tl.uint32, bitcast=True)
    column = tl.program_id(1) * BLOCK * 4 + tl.arange(0, BLOCK * 4)
    values = tl.load(x + row * x_stride + column, mask=column < width, other=0.0)
    tl.store(out + row * width + column, tl.where(numbers < threshold, 0.0, values), mask=column < width)


_BLOCK = 256


def drop(
    x: torch.Tensor, probability: float, seed: torch.Tensor, examples: torch.Tensor, positions: torch.Tensor, site: int
) -> torch.Tensor:
    """Return x (tokens, width), contiguous, with dropped elements zero.

    Args:
        x: (tokens, width), may be a slice of wider rows.
        probability: share of elements that is dropped.
        seed: one int64 on the device, of run and step, so that a captured graph draws anew at each replay.
        examples: (tokens,) number of each token's example, which does not depend on packing.
        positions: (tokens,) each token's position in its example.
        site: number of the layer and its input.
    """
    tokens, width = x.shape
    out = torch.empty(tokens, width, dtype=x.dtype, device=x.device)
    threshold = min(round(probability * 2**32), 2**32 - 1)
    grid = (tokens, triton.cdiv(width, 4 * _BLOCK))
    _drop[grid](x, out, seed, examples, positions, site, threshold, x.stride(0), width, BLOCK=_BLOCK, num_warps=4)
    return out
