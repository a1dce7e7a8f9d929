"""Causal attention within each of several sequences laid end to end, with rotary positions.

On the CPU, scaled dot products of all pairs would double the work, and torch's own CPU kernel took 10 ms a layer for
512 tokens in two sequences (9 heads of 64, 2 cores); blocks of queries against the keys up to them take 7.
"""

from dataclasses import dataclass
from typing import Any

import torch

from .heads import AttentionShape, HeadNorms, Rotary, Sequences
from .norm_weight import add_norm_weight_gradient
from .rms_norm import rms_norm, rms_norm_backward

_QUERIES = 96  # a block's queries: larger ones compute more masked pairs, smaller ones are slow products


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
            inverse_rms.append(rms_norm(flat, weight, norms.eps, normal, plus_one=norms.plus_one))
            parts[index] = normal.view(part.shape)
    queries = _rotated_by_key_head(parts[0], rotary, shape.key_heads)
    keys = _rotated_by_key_head(parts[1], rotary, shape.key_heads)
    values = _by_key_head(heads[:, -shape.key_heads :], shape.key_heads)
    result = torch.empty_like(queries)
    weights, scale = [], shape.scale
    mask = _mask(min(_QUERIES, tokens), groups, queries)
    for begin, end, before in sequences.spans:
        some_keys, some_values = (_with_before(x, begin, end, before) for x in (keys, values))
        for first, last in _blocks(begin, end):
            rows, seen = slice(first * groups, last * groups), _seen(first, last, len(before) - begin, shape.window)
            scores = _scaled_bmm(queries[:, rows], some_keys[:, seen].transpose(1, 2), scale)
            scores[..., first - last :].add_(mask[: (last - first) * groups, : last - first])
            if shape.window is not None and scores.shape[-1] > shape.window:
                scores.masked_fill_(_beyond(last - first, groups, scores.shape[-1], shape.window), float("-inf"))
            scores = torch.softmax(scores, dim=-1)
            torch.bmm(scores, some_values[:, seen], out=result[:, rows])
            weights.append(scores)
    _write_tokens_first(result, out)
    return AttentionState(queries, keys, values, weights, None if norms is None else qkv, inverse_rms)


def packed_attention_backward(
    grad: torch.Tensor, state: Any, rotary: Rotary, sequences: Sequences, shape: AttentionShape, norms: HeadNorms | None
) -> torch.Tensor:
    """Return the gradient (tokens, shape.columns) of `packed_attention`'s qkv for `grad`, that of its output."""
    if grad.is_cuda:
        from .cuda import packed_attention as cuda

        return cuda.packed_attention_backward(grad, state, rotary, sequences, shape, norms)
    tokens, groups = len(grad), shape.heads // shape.key_heads
    upstream = _by_key_head(grad.view(tokens, shape.heads, shape.width), shape.key_heads)
    scale = shape.scale
    grad_queries = torch.empty_like(state.queries)
    grad_keys, grad_values = torch.zeros_like(state.keys), torch.zeros_like(state.values)
    weights_of_blocks = iter(state.weights)
    for begin, end, before in sequences.spans:
        keys, values = (_with_before(x, begin, end, before) for x in (state.keys, state.values))
        # What stands before a sequence gets a gradient from each.
        some_keys = torch.zeros_like(keys) if before else grad_keys[:, begin:end]
        some_values = torch.zeros_like(values) if before else grad_values[:, begin:end]
        for first, last in _blocks(begin, end):
            rows, seen = slice(first * groups, last * groups), _seen(first, last, len(before) - begin, shape.window)
            weights, some = next(weights_of_blocks), upstream[:, rows]
            some_values[:, seen].baddbmm_(weights.transpose(1, 2), some)
            grad_weights = torch.bmm(some, values[:, seen].transpose(1, 2))
            grad_scores = torch.ops.aten._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
            grad_queries[:, rows] = _scaled_bmm(grad_scores, keys[:, seen], scale)
            some_keys[:, seen].baddbmm_(grad_scores.transpose(1, 2), state.queries[:, rows], alpha=scale)
        if before:
            for total, part in ((grad_keys, some_keys), (grad_values, some_values)):
                total[:, before.start : before.stop].add_(part[:, : len(before)])
                total[:, begin:end].copy_(part[:, len(before) :])
    result = grad.new_empty(tokens, shape.heads + 2 * shape.key_heads, shape.width)
    parts = result[:, : shape.heads], result[:, shape.heads : -shape.key_heads]
    for part, by_head in zip(parts, (grad_queries, grad_keys), strict=True):
        source = _tokens_first(by_head, tokens)
        rotate(source, (rotary[0], -rotary[1]), part.view(source.shape))
    if norms is not None:
        raw = state.raw.view(result.shape)
        raw_parts = raw[:, : shape.heads], raw[:, shape.heads : -shape.key_heads]
        weights = zip(norms.weights, norms.gradients(), strict=True)
        for part, before, (weight, total), inverse in zip(parts, raw_parts, weights, state.inverse_rms, strict=True):
            flat = part.reshape(-1, shape.width)
            before = before.reshape(flat.shape)
            if total is not None:
                add_norm_weight_gradient(total, flat, before, inverse)
            flat = rms_norm_backward(flat, before, weight, inverse, None, norms.plus_one)
            part.copy_(flat.view(part.shape))
    _write_tokens_first(grad_values, result[:, -shape.key_heads :])
    return result.view(tokens, -1)


def rotate(heads: torch.Tensor, rotary: Rotary, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return heads (tokens, ..., width) turned by their positions (RoFormer, Su et al. 2021, halves as in Llama)."""
    cos, sin = (part.to(heads.dtype).view(len(part), *[1] * (heads.dim() - 2), -1) for part in rotary)
    left, right = heads.chunk(2, dim=-1)
    result = torch.empty(heads.shape, dtype=heads.dtype, device=heads.device) if out is None else out
    new_left, new_right = result.chunk(2, dim=-1)
    torch.mul(left, cos, out=new_left).addcmul_(right, sin, value=-1)
    torch.mul(right, cos, out=new_right).addcmul_(left, sin)
    return result


def _with_before(by_head: torch.Tensor, begin: int, end: int, before: range) -> torch.Tensor:
    """Return a sequence's rows (key heads, before + end - begin, width) after those that stand before it."""
    own = by_head[:, begin:end]
    return torch.cat([by_head[:, before.start : before.stop], own], dim=1) if before else own


def _blocks(begin: int, end: int) -> list[tuple[int, int]]:
    """Return (first query, query after the last) of each block of a sequence."""
    return [(first, min(first + _QUERIES, end)) for first in range(begin, end, _QUERIES)]


def _seen(first: int, last: int, ahead: int, window: int | None) -> slice:
    """Return the rows of a sequence's keys (`_with_before`) that a block of queries sees.

    Args:
        first: query of the block.
        last: the query after its last.
        ahead: what turns a token's row into its place in the sequence.
        window: see `AttentionShape`.
    """
    return slice(0 if window is None else max(first + ahead - window + 1, 0), last + ahead)


def _beyond(queries: int, groups: int, keys: int, window: int) -> torch.Tensor:
    """Return (queries x groups, keys): True where the key lies before the window of its query, the last ones' rows."""
    own = torch.arange(keys - queries, keys).repeat_interleave(groups)
    return own[:, None] - torch.arange(keys) >= window


def _scaled_bmm(left: torch.Tensor, right: torch.Tensor, scale: float) -> torch.Tensor:
    """Return `scale * left @ right`, without a pass of its own or a rounding for the factor."""
    return torch.baddbmm(left.new_empty(1, 1, 1), left, right, beta=0, alpha=scale)


def _mask(queries: int, groups: int, like: torch.Tensor) -> torch.Tensor:
    """Return (queries x groups, queries): -inf where the key comes after the query."""
    mask = torch.full((queries, queries), float("-inf"), dtype=like.dtype, device=like.device).triu_(1)
    return mask.repeat_interleave(groups, dim=0)


def _by_key_head(heads: torch.Tensor, key_heads: int) -> torch.Tensor:
    """Return (tokens, n, width) as (key heads, tokens x n / key heads, width), copied."""
    tokens, _, width = heads.shape
    return heads.reshape(tokens, key_heads, -1, width).transpose(0, 1).reshape(key_heads, -1, width).contiguous()


def _rotated_by_key_head(heads: torch.Tensor, rotary: Rotary, key_heads: int) -> torch.Tensor:
    """As `_by_key_head`, rotated."""
    tokens, count, width = heads.shape
    result = heads.new_empty(key_heads, tokens, count // key_heads, width)
    rotate(heads.view(tokens, key_heads, -1, width), rotary, result.transpose(0, 1))
    return result.view(key_heads, -1, width)


def _tokens_first(by_head: torch.Tensor, tokens: int) -> torch.Tensor:
    """Return (key heads, tokens x groups, width) as (tokens, key heads, groups, width), a view."""
    return by_head.view(len(by_head), tokens, -1, by_head.shape[-1]).transpose(0, 1)


def _write_tokens_first(by_head: torch.Tensor, out: torch.Tensor) -> None:
    """Write (key heads, tokens x groups, width) to `out`, (tokens, heads x width) or (tokens, heads, width)."""
    source = _tokens_first(by_head, len(out))
    out.view(source.shape).copy_(source)
