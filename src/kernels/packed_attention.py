"""Causal attention within each of several sequences laid end to end, with rotary positions.

On the CPU, scaled dot products of all pairs would double the work, and torch's own CPU kernel took 10 ms a layer for
512 tokens in two sequences (9 heads of 64, 2 cores); blocks of queries against the keys up to them take 7.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import torch

from .norm_weight import add_norm_weight_gradient
from .rms_norm import rms_norm, rms_norm_backward

Rotary: TypeAlias = tuple[torch.Tensor, torch.Tensor]
_QUERIES = 96  # a block's queries: larger ones compute more masked pairs, smaller ones are slow products


@dataclass(frozen=True)
class AttentionShape:
    """Numbers of query heads and key/value heads, and the width of one."""

    heads: int
    key_heads: int
    width: int

    @property
    def columns(self) -> int:
        """Return the width of queries, keys and values side by side."""
        return (self.heads + 2 * self.key_heads) * self.width


@dataclass
class HeadNorms:
    """RMSNorm of each query and key head before rotation (Qwen3).

    Attributes:
        weights: (2, width), queries' first.
        gradient: (2 x width,), sum of the weights' gradients, where these train.
    """

    weights: torch.Tensor
    eps: float
    gradient: torch.Tensor | None = None

    def gradients(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return the sums of both, queries' first."""
        if self.gradient is None:
            return None, None
        queries, keys = self.gradient.chunk(2)
        return queries, keys


@dataclass(frozen=True)
class Sequences:
    """Sequences laid end to end: where each begins and at last the end; each token's position, and its sequence's end.

    The CPU reads `starts`, a GPU the tensors (int64, on it).
    """

    starts: list[int]
    positions: torch.Tensor
    ends: torch.Tensor


@dataclass(frozen=True)
class AttentionState:
    """What the backward needs: by key head, queries (groups of one token together), keys, values and weights."""

    queries: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    weights: list[torch.Tensor]
    raw: torch.Tensor | None
    inverse_rms: list[torch.Tensor]

    def keys_and_values(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rotated keys and values (tokens, key heads, width)."""
        return self.keys.transpose(0, 1), self.values.transpose(0, 1)


def packed_attention(
    qkv: torch.Tensor,
    rotary: Rotary,
    sequences: Sequences,
    shape: AttentionShape,
    norms: HeadNorms | None,
    out: torch.Tensor,
) -> Any:
    """Write each sequence's causal attention to `out`, and return what the backward needs.

    Args:
        qkv: (tokens, shape.columns): query heads, key heads, value heads, before norm and rotation; not to be used
            again, since it may be overwritten.
        rotary: cosines and sines, (tokens, width / 2).
        sequences: where each begins.
        shape: heads and their width.
        norms: of queries and keys, or None.
        out: (tokens, heads x width), may be a slice of wider rows.
    """
    if qkv.is_cuda:
        from .cuda import packed_attention as cuda

        return cuda.packed_attention(qkv, rotary, sequences, shape, norms, out)
    tokens, groups = len(qkv), shape.heads // shape.key_heads
    heads = qkv.view(tokens, -1, shape.width)
    parts = [heads[:, : shape.heads], heads[:, shape.heads : -shape.key_heads]]
    inverse_rms = []
    if norms is not None:
        for index, (part, weight) in enumerate(zip(parts, norms.weights, strict=True)):
            flat = part.reshape(-1, shape.width)
            normal = torch.empty_like(flat)
            inverse_rms.append(rms_norm(flat, weight, norms.eps, normal))
            parts[index] = normal.view(part.shape)
    queries, keys = (_by_key_head(rotate(part, rotary), shape.key_heads) for part in parts)
    queries.mul_(shape.width**-0.5)
    values = _by_key_head(heads[:, -shape.key_heads :], shape.key_heads)
    result = torch.empty_like(queries)
    weights = []
    mask = _mask(min(_QUERIES, tokens), groups, queries)
    for first, last, begin in _blocks(sequences.starts):
        rows = slice(first * groups, last * groups)
        scores = torch.bmm(queries[:, rows], keys[:, begin:last].transpose(1, 2))
        scores[..., first - begin :].add_(mask[: (last - first) * groups, : last - first])
        scores = torch.softmax(scores, dim=-1)
        torch.bmm(scores, values[:, begin:last], out=result[:, rows])
        weights.append(scores)
    _write_tokens_first(result, shape.key_heads, out)
    return AttentionState(queries, keys, values, weights, None if norms is None else qkv, inverse_rms)


def packed_attention_backward(
    grad: torch.Tensor,
    state: Any,
    rotary: Rotary,
    sequences: Sequences,
    shape: AttentionShape,
    norms: HeadNorms | None,
) -> torch.Tensor:
    """Return the gradient (tokens, shape.columns) of `packed_attention`'s qkv for `grad`, that of its output."""
    if grad.is_cuda:
        from .cuda import packed_attention as cuda

        return cuda.packed_attention_backward(grad, state, rotary, sequences, shape, norms)
    tokens, groups = len(grad), shape.heads // shape.key_heads
    upstream = _by_key_head(grad.view(tokens, shape.heads, shape.width), shape.key_heads)
    grad_queries = torch.empty_like(state.queries)
    grad_keys, grad_values = torch.zeros_like(state.keys), torch.zeros_like(state.values)
    for (first, last, begin), weights in zip(_blocks(sequences.starts), state.weights, strict=True):
        rows = slice(first * groups, last * groups)
        keys, values, some = state.keys[:, begin:last], state.values[:, begin:last], upstream[:, rows]
        grad_values[:, begin:last].baddbmm_(weights.transpose(1, 2), some)
        grad_weights = torch.bmm(some, values.transpose(1, 2))
        grad_scores = torch.ops.aten._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
        torch.bmm(grad_scores, keys, out=grad_queries[:, rows])
        grad_keys[:, begin:last].baddbmm_(grad_scores.transpose(1, 2), state.queries[:, rows])
    grad_queries.mul_(shape.width**-0.5)
    result = grad.new_empty(tokens, shape.heads + 2 * shape.key_heads, shape.width)
    cos, sin = rotary
    parts = result[:, : shape.heads], result[:, shape.heads : -shape.key_heads]
    for part, by_head in zip(parts, (grad_queries, grad_keys), strict=True):
        _write_tokens_first(by_head, shape.key_heads, part)
        part.copy_(rotate(part, (cos, -sin)))
    if norms is not None:
        raw = state.raw.view(result.shape)
        raw_parts = raw[:, : shape.heads], raw[:, shape.heads : -shape.key_heads]
        weights = zip(norms.weights, norms.gradients(), strict=True)
        for part, before, (weight, total), inverse in zip(parts, raw_parts, weights, state.inverse_rms, strict=True):
            flat = part.reshape(-1, shape.width)
            before = before.reshape(flat.shape)
            if total is not None:
                add_norm_weight_gradient(total, flat, before, inverse)
            flat = rms_norm_backward(flat, before, weight, inverse, torch.zeros_like(flat))
            part.copy_(flat.view(part.shape))
    _write_tokens_first(grad_values, shape.key_heads, result[:, -shape.key_heads :])
    return result.view(tokens, -1)


def rotate(heads: torch.Tensor, rotary: Rotary) -> torch.Tensor:
    """Return heads (tokens, n, width) turned by their positions (RoFormer, Su et al. 2021, halves as in Llama)."""
    cos, sin = (part[:, None].to(heads.dtype) for part in rotary)
    left, right = heads.chunk(2, dim=-1)
    result = torch.empty(heads.shape, dtype=heads.dtype, device=heads.device)
    new_left, new_right = result.chunk(2, dim=-1)
    torch.mul(left, cos, out=new_left).addcmul_(right, sin, value=-1)
    torch.mul(right, cos, out=new_right).addcmul_(left, sin)
    return result


def _blocks(starts: list[int]) -> list[tuple[int, int, int]]:
    """Return (first query, query after the last, first key) of each block."""
    return [
        (first, min(first + _QUERIES, end), begin)
        for begin, end in pairwise(starts)
        for first in range(begin, end, _QUERIES)
    ]


def _mask(queries: int, groups: int, like: torch.Tensor) -> torch.Tensor:
    """Return (queries x groups, queries): -inf where the key comes after the query."""
    mask = torch.full((queries, queries), float("-inf"), dtype=like.dtype, device=like.device).triu_(1)
    return mask.repeat_interleave(groups, dim=0)


def _by_key_head(heads: torch.Tensor, key_heads: int) -> torch.Tensor:
    """Return (tokens, n, width) as (key heads, tokens x n / key heads, width), copied."""
    tokens, _, width = heads.shape
    return heads.reshape(tokens, key_heads, -1, width).transpose(0, 1).reshape(key_heads, -1, width).contiguous()


def _write_tokens_first(by_head: torch.Tensor, key_heads: int, out: torch.Tensor) -> None:
    """Write (key heads, tokens x groups, width) to `out`, (tokens, heads x width) or (tokens, heads, width)."""
    tokens = out.shape[0]
    width = by_head.shape[-1]
    source = by_head.view(key_heads, tokens, -1, width).transpose(0, 1)
    out.view(source.shape).copy_(source)
