"""The slow, obvious attention of packed sequences: one example at a time, whole, by torch's own."""

from itertools import pairwise

import torch
from torch import nn

from src.kernels.heads import AttentionShape, HeadNorms, Rotary, Sequences


def sequences_of(starts: list[int], shared: int = 0, filler: bool = False) -> Sequences:
    """Return sequences as they are packed; with `filler`, the last one is that."""
    lengths = torch.tensor(starts).diff()
    firsts = [shared if begin else 0 for begin in starts[:-1]]
    if filler:
        firsts[-1] = 0
    positions = [torch.arange(first, first + int(n)) for first, n in zip(firsts, lengths, strict=True)]
    return Sequences(starts, torch.cat(positions), torch.repeat_interleave(torch.tensor(starts[1:]), lengths), shared)


def groups_of(*groups: list[int]) -> Sequences:
    """Return groups as they are packed: of each the lengths of its prompt and of the continuations behind it."""
    starts, positions, ends, before = [0], [], [], []
    for prompt, *continuations in groups:
        first = starts[-1]
        for place, length in enumerate([prompt, *continuations]):
            offset = prompt if place else 0
            positions.append(torch.arange(offset, offset + length))
            before.append(torch.tensor([[first], [first + offset]]).expand(2, length))
            starts.append(starts[-1] + length)
        ends += [torch.full((starts[-1] - first,), starts[-1])]
    return Sequences(starts, torch.cat(positions), torch.cat(ends), before=torch.cat(before, dim=1))


def rotary_of(sequences: Sequences, width: int, dtype: torch.dtype = torch.float64) -> Rotary:
    """Return cosines and sines (tokens, width / 2)."""
    angles = sequences.positions[:, None] * 10000.0 ** -torch.linspace(0, 1, width // 2, dtype=torch.float64)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def reference(
    qkv: torch.Tensor, rotary: Rotary, sequences: Sequences, shape: AttentionShape, norms: HeadNorms | None
) -> torch.Tensor:
    """Return the attention (tokens, heads x width) of each sequence's own rows, the shared ones before them."""
    parts = []
    for begin, end in pairwise(sequences.starts):
        before = torch.arange(sequences.shared if begin else 0)
        if sequences.before is not None:
            before = torch.arange(*sequences.before[:, begin].tolist())
        rows = torch.cat([before, torch.arange(begin, end)])
        parts.append(_whole(qkv[rows], (rotary[0][rows], rotary[1][rows]), shape, norms)[begin - end :])
    return torch.cat(parts)


def norm_and_turn(heads: torch.Tensor, rotary: Rotary, weight: torch.Tensor | None, eps: float) -> torch.Tensor:
    """Return heads (tokens, heads, width), normed where there is a weight (width,), turned by their positions."""
    if weight is not None:
        heads = nn.functional.rms_norm(heads, heads.shape[-1:], weight, eps)
    left, right = heads.chunk(2, dim=-1)
    cos, sin = (table[:, None] for table in rotary)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


def _whole(qkv: torch.Tensor, rotary: Rotary, shape: AttentionShape, norms: HeadNorms | None) -> torch.Tensor:
    heads = qkv.view(len(qkv), -1, shape.width)
    queries, keys, values = heads.split([shape.heads, shape.key_heads, shape.key_heads], dim=1)
    weights, eps = None, 0.0
    if norms is not None:
        weights, eps = 1 + norms.weights if norms.plus_one else norms.weights, norms.eps
    both = [
        norm_and_turn(part, rotary, None if weights is None else weights[index], eps)
        for index, part in enumerate((queries, keys))
    ]
    groups = shape.heads // shape.key_heads
    q, k, v = (part.transpose(0, 1) for part in (both[0], both[1], values))
    k, v = k.repeat_interleave(groups, dim=0), v.repeat_interleave(groups, dim=0)
    places = torch.arange(len(qkv))
    seen = places[:, None] >= places
    if shape.window is not None:
        seen &= places[:, None] < places + shape.window
    result = nn.functional.scaled_dot_product_attention(q, k, v, seen, scale=shape.factor)
    return result.transpose(0, 1).reshape(len(qkv), -1)
