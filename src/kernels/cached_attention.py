"""Attention of one new token a row to the row's cached keys and values."""

import torch

from .heads import AttentionShape, HeadNorms, Rotary
from .packed_attention import rotate
from .rms_norm import rms_norm


def cached_attention(
    qkv: torch.Tensor,
    rotary: Rotary,
    cache: tuple[torch.Tensor, torch.Tensor],
    lengths: torch.Tensor,
    shape: AttentionShape,
    norms: HeadNorms | None,
    out: torch.Tensor,
) -> None:
    """Write the new tokens' attention to `out` (rows, heads x width), and their keys and values to the cache.

    Args:
        qkv: (rows, shape.columns), before norm and rotation; may be overwritten.
        rotary: cosines and sines (rows, width / 2) of the new tokens' positions.
        cache: keys and values, (rows, key heads, places, width) each.
        lengths: (rows,) places filled already; the new token takes the next one.
        shape: heads and their width.
        norms: of queries and keys, or None.
        out: may be a slice of wider rows.
    """
    if qkv.is_cuda:
        from .cuda import cached_attention as cuda

        return cuda.cached_attention(qkv, rotary, cache, lengths, shape, norms, out)
    heads = qkv.view(len(qkv), -1, shape.width)
    parts = [heads[:, : shape.heads], heads[:, shape.heads : -shape.key_heads]]
    if norms is not None:
        for index, (part, weight) in enumerate(zip(parts, norms.weights, strict=True)):
            normal = torch.empty_like(part.reshape(-1, shape.width))
            rms_norm(part.reshape(-1, shape.width), weight, norms.eps, normal, plus_one=norms.plus_one)
            parts[index] = normal.view(part.shape)
    queries, keys = (rotate(part, rotary) for part in parts)
    rows = torch.arange(len(qkv))
    cached_keys, cached_values = cache
    cached_keys[rows, :, lengths] = keys
    cached_values[rows, :, lengths] = heads[:, -shape.key_heads :]
    places = int(lengths.max()) + 1
    grouped = queries.view(len(qkv), shape.key_heads, -1, shape.width) * shape.scale
    scores = grouped @ cached_keys[:, :, :places].transpose(-1, -2)
    hidden = torch.arange(places) > lengths[:, None]
    if shape.window is not None:
        hidden |= torch.arange(places) <= lengths[:, None] - shape.window
    scores.masked_fill_(hidden[:, None, None], float("-inf"))
    result = torch.softmax(scores, dim=-1) @ cached_values[:, :, :places]
    out.copy_(result.view(len(qkv), -1))
