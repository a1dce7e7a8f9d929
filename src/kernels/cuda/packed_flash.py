"""Causal attention within sequences laid end to end, in Triton, after FlashAttention 2 (Dao 2023).

A block holds neighbouring tokens of whatever sequences they are of: a token sees the keys from its sequence's first
token (its own place less its position) to itself. So the grid holds no empty blocks, however short the sequences and
whatever their number, and a captured graph needs no list of them. Keys and values are shared by a group of query heads;
their gradients are summed over the group in registers.

Tokens that all examples begin with stand once, as the first `shared` rows, and the positions of the other sequences
go on after them (see `data.packing`): a block of queries sees the first few blocks of keys, then its own. A shared key
gets gradients from all queries: programs of their own take `_CHUNK` of these each, and their sums are added up
afterwards, in one order. Where nothing is shared, `shared` is None, and the kernels are compiled without all this.

In groups, a prompt and its continuations behind it, a token of a continuation sees the prompt's keys (`before`) and its
own sequence's. A group is short, so the blocks between, of the continuations before its own, are computed and masked.
"""

from typing import Any

import torch
import triton
import triton.language as tl

_LOG2_E = 1.4426950408889634
_CHUNK = 512


@triton.jit
def _begin(row, position, shared):
    """Return from where on a row sees the keys up to itself, besides shared ones."""
    begin = row - position
    if shared is not None:  # shared rows and filler, whose positions are from 0, see themselves
        begin = tl.minimum(begin + shared, row)
    return begin


@triton.jit
def _group(row, begin, before, tokens):
    """Return where the keys that a row sees begin, and where those before its own sequence begin and end."""
    inside = row < tokens
    first = tl.load(before + row, mask=inside, other=0).to(tl.int32)
    end = tl.load(before + tokens + row, mask=inside, other=0).to(tl.int32)
    return begin + (end - first), first, end


@triton.jit
def _key_blocks(begin, shared, N: tl.constexpr):
    """Return the keys in the blocks with shared ones, and the first key after these that a block of queries sees.

    Args:
        begin: of the first query.
        shared: number of shared keys, or None.
        N: keys of a block.
    """
    ahead = 0
    if shared is not None:
        ahead = tl.cdiv(shared, N) * N
        begin = tl.maximum(begin, ahead)
    return ahead, begin


@triton.jit
def _keys_at(start, ahead, begin, shared, N: tl.constexpr):
    """Return the block's keys and, for each, the largest query start (`_begin`) that sees it.

    `start` runs on from `begin - ahead`: below `begin` it stands for the first `ahead` keys.
    """
    key = start + tl.arange(0, N)
    seen_to = key
    if shared is not None:
        key = tl.where(start < begin, key - (begin - ahead), key)
        seen_to = tl.where(key < shared, 2147483647, key)
    return key, seen_to


@triton.jit
def _flash_forward(
    queries, keys, values, positions, before, out, log_sums, tokens, shared, stride, out_stride, scale,
    GROUP: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    first = tl.program_id(0) * M
    head = tl.program_id(1)
    row = first + tl.arange(0, M)
    column = tl.arange(0, WIDTH)
    inside = row < tokens
    begin = _begin(row, tl.load(positions + row, mask=inside, other=0).to(tl.int32), shared)
    if before is not None:
        begin, prompt, prompt_end = _group(row, begin, before, tokens)
    q = tl.load(
        queries + row[:, None].to(tl.int64) * stride + head * WIDTH + column[None, :], mask=inside[:, None], other=0.0
    )
    at_head = (head // GROUP) * WIDTH + column[None, :]
    highest = tl.full([M], -float("inf"), tl.float32)
    total = tl.zeros([M], tl.float32)
    result = tl.zeros([M, WIDTH], tl.float32)
    ahead, lowest = _key_blocks(_begin(first, tl.load(positions + first).to(tl.int32), shared), shared, N)
    if before is not None:
        lowest = tl.load(before + first).to(tl.int32)
    for start in range(lowest - ahead, tl.minimum(first + M, tokens), N):
        key, seen_to = _keys_at(start, ahead, lowest, shared, N)
        place = key[:, None].to(tl.int64) * stride + at_head
        k = tl.load(keys + place, mask=key[:, None] < tokens, other=0.0)
        scores = tl.dot(q, tl.trans(k)) * scale
        seen = (key[None, :] <= row[:, None]) & (seen_to[None, :] >= begin[:, None])
        if before is not None:
            seen |= (key[None, :] >= prompt[:, None]) & (key[None, :] < prompt_end[:, None])
        scores = tl.where(seen, scores, -1e30)
        new = tl.maximum(highest, tl.max(scores, 1))
        weights = tl.where(seen, tl.exp2(scores - new[:, None]), 0.0)
        shrink = tl.exp2(highest - new)
        total = total * shrink + tl.sum(weights, 1)
        v = tl.load(values + place, mask=key[:, None] < tokens, other=0.0)
        result = tl.dot(weights.to(v.dtype), v, result * shrink[:, None])
        highest = new
    total = tl.where(inside, total, 1.0)
    result = result / total[:, None]
    to = out + row[:, None].to(tl.int64) * out_stride + head * WIDTH + column[None, :]
    tl.store(to, result.to(out.dtype.element_ty), mask=inside[:, None])
    tl.store(log_sums + row.to(tl.int64) * HEADS + head, highest + tl.log2(total), mask=inside)


@triton.jit
def _flash_backward_queries(
    queries, keys, values, positions, before, out, grad, log_sums, dots, grad_queries, tokens, shared, stride,
    out_stride, grad_stride, scale, GROUP: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, M: tl.constexpr,
    N: tl.constexpr,
):  # fmt: skip
    first = tl.program_id(0) * M
    head = tl.program_id(1)
    row = first + tl.arange(0, M)
    column = tl.arange(0, WIDTH)
    inside = row < tokens
    begin = _begin(row, tl.load(positions + row, mask=inside, other=0).to(tl.int32), shared)
    if before is not None:
        begin, prompt, prompt_end = _group(row, begin, before, tokens)
    at = head * WIDTH + column[None, :]
    long_row = row[:, None].to(tl.int64)
    q = tl.load(queries + long_row * stride + at, mask=inside[:, None], other=0.0)
    o = tl.load(out + long_row * out_stride + at, mask=inside[:, None], other=0.0)
    g = tl.load(grad + long_row * grad_stride + at, mask=inside[:, None], other=0.0)
    dot = tl.sum(o.to(tl.float32) * g.to(tl.float32), 1)
    tl.store(dots + row.to(tl.int64) * HEADS + head, dot, mask=inside)
    log_sum = tl.load(log_sums + row.to(tl.int64) * HEADS + head, mask=inside, other=0.0)
    at_head = (head // GROUP) * WIDTH + column[None, :]
    result = tl.zeros([M, WIDTH], tl.float32)
    ahead, lowest = _key_blocks(_begin(first, tl.load(positions + first).to(tl.int32), shared), shared, N)
    if before is not None:
        lowest = tl.load(before + first).to(tl.int32)
    for start in range(lowest - ahead, tl.minimum(first + M, tokens), N):
        key, seen_to = _keys_at(start, ahead, lowest, shared, N)
        place = key[:, None].to(tl.int64) * stride + at_head
        k = tl.load(keys + place, mask=key[:, None] < tokens, other=0.0)
        v = tl.load(values + place, mask=key[:, None] < tokens, other=0.0)
        scores = tl.dot(q, tl.trans(k)) * scale
        seen = (key[None, :] <= row[:, None]) & (seen_to[None, :] >= begin[:, None])
        if before is not None:
            seen |= (key[None, :] >= prompt[:, None]) & (key[None, :] < prompt_end[:, None])
        weights = tl.where(seen, tl.exp2(scores - log_sum[:, None]), 0.0)
        grad_scores = weights * (tl.dot(g, tl.trans(v)) - dot[:, None])
        result = tl.dot(grad_scores.to(k.dtype), k, result)
    # `scale` holds log2(e), which the derivative of exp2 takes back.
    result = result * (scale * 0.6931471805599453)
    to = grad_queries + (long_row * HEADS * WIDTH) + at
    tl.store(to, result.to(grad_queries.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _flash_backward_keys(
    queries, keys, values, positions, before, ends, grad, log_sums, dots, grad_keys, grad_values, partial, tokens,
    shared, stride, grad_stride, scale, GROUP: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, M: tl.constexpr,
    N: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    block = tl.program_id(0)
    key_head = tl.program_id(1)
    column = tl.arange(0, WIDTH)
    if shared is not None:  # the first programs are those of shared keys and a chunk of queries
        shared_blocks, chunks = tl.cdiv(shared, N), tl.cdiv(tokens, CHUNK)
        chunk, of_chunk = block // shared_blocks, block < shared_blocks * chunks
        block = tl.where(of_chunk, block % shared_blocks, block - shared_blocks * chunks)
    first = block * N
    key = first + tl.arange(0, N)
    if shared is not None:
        key = tl.where(of_chunk & (key >= shared), tokens, key)  # none
    inside = key < tokens
    long_key = key[:, None].to(tl.int64)
    place = long_key * stride + key_head * WIDTH + column[None, :]
    k = tl.load(keys + place, mask=inside[:, None], other=0.0)
    v = tl.load(values + place, mask=inside[:, None], other=0.0)
    sum_keys = tl.zeros([N, WIDTH], tl.float32)
    sum_values = tl.zeros([N, WIDTH], tl.float32)
    begin_rows = first
    end_rows = tl.load(ends + tl.minimum(first + N, tokens) - 1).to(tl.int32)
    if shared is not None:
        begin_rows = tl.where(of_chunk, chunk * CHUNK, first)
        end_rows = tl.where(of_chunk, tl.minimum(chunk * CHUNK + CHUNK, tokens), end_rows)
    for member in range(GROUP):
        head = key_head * GROUP + member
        at = head * WIDTH + column[None, :]
        for start in range(begin_rows, end_rows, M):
            row = start + tl.arange(0, M)
            there = row < tokens
            long_row = row[:, None].to(tl.int64)
            begin = _begin(row, tl.load(positions + row, mask=there, other=0).to(tl.int32), shared)
            if shared is not None:
                begin = tl.where(of_chunk, 0, begin)
            if before is not None:
                begin, prompt, prompt_end = _group(row, begin, before, tokens)
            q = tl.load(queries + long_row * stride + at, mask=there[:, None], other=0.0)
            g = tl.load(grad + long_row * grad_stride + at, mask=there[:, None], other=0.0)
            log_sum = tl.load(log_sums + row.to(tl.int64) * HEADS + head, mask=there, other=0.0)
            dot = tl.load(dots + row.to(tl.int64) * HEADS + head, mask=there, other=0.0)
            scores = tl.dot(k, tl.trans(q)) * scale
            seen = (key[:, None] <= row[None, :]) & (key[:, None] >= begin[None, :])
            if before is not None:
                seen |= (key[:, None] >= prompt[None, :]) & (key[:, None] < prompt_end[None, :])
            seen &= there[None, :]
            weights = tl.where(seen, tl.exp2(scores - log_sum[None, :]), 0.0)
            sum_values = tl.dot(weights.to(g.dtype), g, sum_values)
            grad_scores = weights * (tl.dot(v, tl.trans(g)) - dot[None, :])
            sum_keys = tl.dot(grad_scores.to(q.dtype), q, sum_keys)
    sum_keys *= scale * 0.6931471805599453
    row_size: tl.constexpr = HEADS // GROUP * WIDTH
    to = long_key * row_size + key_head * WIDTH + column[None, :]
    if shared is not None:
        in_chunk = (inside & of_chunk)[:, None]
        size = shared * row_size
        tl.store(partial + chunk.to(tl.int64) * size + to, sum_keys, mask=in_chunk)
        tl.store(partial + (chunks + chunk).to(tl.int64) * size + to, sum_values, mask=in_chunk)
        inside &= ~of_chunk
    kind = grad_keys.dtype.element_ty
    tl.store(grad_keys + to, sum_keys.to(kind), mask=inside[:, None])
    tl.store(grad_values + to, sum_values.to(kind), mask=inside[:, None])


def capability(device: torch.device) -> tuple[int, int]:
    """Return the GPU's compute capability; that of an H100 where there is none."""
    return torch.cuda.get_device_capability(device) if device.type == "cuda" else (9, 0)


def block_sizes(queries: torch.Tensor) -> dict[str, dict[str, int]]:
    """Return block sizes, warps and pipeline stages of each kernel, by what was fastest on an H100 and fits elsewhere.

    Heads of 128 in 16 bit and 20k tokens of about 300 each: larger blocks compute more pairs that are masked. Cards
    before Ampere have 64 KB of shared memory for a block, some later ones 99.
    """
    old, wide = capability(queries.device) < (8, 0), queries.shape[-1] * queries.element_size() > 256
    if old or wide:
        side = 16 if old and wide else 32
        small = {"M": side, "N": side, "num_warps": 4, "num_stages": 1}
        return {"forward": small, "queries": small, "keys": small}
    return {
        "forward": {"M": 64, "N": 32, "num_warps": 4, "num_stages": 2},
        "queries": {"M": 64, "N": 32, "num_warps": 4, "num_stages": 2},
        "keys": {"M": 32, "N": 64, "num_warps": 4, "num_stages": 1},
    }


def flash_forward(
    heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    positions: torch.Tensor,
    out: torch.Tensor,
    shared: int = 0,
    before: torch.Tensor | None = None,
) -> torch.Tensor:
    """Write attention to `out`; return the log2 sums (tokens, heads), float32.

    Args:
        heads: queries (tokens, heads, width), keys and values (tokens, key heads, width), views of rows of one buffer.
        positions: (tokens,) each token's place in its sequence, int64.
        out: (tokens, heads x width), may be a slice of wider rows.
        shared: number of tokens, the first ones, that stand before each of the other sequences, too.
        before: (2, tokens) see `Sequences`; None where there are no groups.
    """
    queries, keys, values = heads
    tokens, count, width = queries.shape
    log_sums = torch.empty(tokens, count, dtype=torch.float32, device=queries.device)
    sizes: Any = block_sizes(queries)["forward"]
    _flash_forward[(triton.cdiv(tokens, sizes["M"]), count)](
        queries, keys, values, positions, before, out, log_sums, tokens, shared or None, queries.stride(0),
        out.stride(0), width**-0.5 * _LOG2_E, GROUP=count // keys.shape[1], HEADS=count, WIDTH=width, **sizes,
    )  # fmt: skip
    return log_sums


def flash_backward(
    grad: torch.Tensor,
    heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    positions: torch.Tensor,
    ends: torch.Tensor,
    out: torch.Tensor,
    log_sums: torch.Tensor,
    shared: int = 0,
    before: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of queries (tokens, heads, width), keys and values (tokens, key heads, width).

    Args:
        grad: of the output (tokens, heads x width), may be a slice of wider rows.
        heads: as in the forward.
        positions: as in the forward.
        ends: (tokens,) the end of each token's sequence, in groups of its group, int64.
        out: the forward's output.
        log_sums: what the forward returned.
        shared: as in the forward.
        before: as in the forward.
    """
    queries, keys, values = heads
    tokens, count, width = queries.shape
    key_heads = keys.shape[1]
    grad_queries = grad.new_empty(tokens, count, width)
    grad_both = grad.new_empty(2, tokens, key_heads, width)
    grad_keys, grad_values = grad_both
    dots = torch.empty_like(log_sums)
    sizes: Any = block_sizes(queries)
    scale, group = width**-0.5 * _LOG2_E, count // key_heads
    _flash_backward_queries[(triton.cdiv(tokens, sizes["queries"]["M"]), count)](
        queries, keys, values, positions, before, out, grad, log_sums, dots, grad_queries, tokens, shared or None,
        queries.stride(0), out.stride(0), grad.stride(0), scale, GROUP=group, HEADS=count, WIDTH=width,
        **sizes["queries"],
    )  # fmt: skip
    blocks, partial = triton.cdiv(tokens, sizes["keys"]["N"]), None
    if shared:
        chunks = triton.cdiv(tokens, _CHUNK)
        blocks += triton.cdiv(shared, sizes["keys"]["N"]) * chunks
        partial = log_sums.new_empty(2, chunks, shared, key_heads, width)
    _flash_backward_keys[(blocks, key_heads)](
        queries, keys, values, positions, before, ends, grad, log_sums, dots, grad_keys, grad_values, partial, tokens,
        shared or None, queries.stride(0), grad.stride(0), scale, GROUP=group, HEADS=count, WIDTH=width, CHUNK=_CHUNK,
        **sizes["keys"],
    )  # fmt: skip
    if partial is not None:
        grad_both[:, :shared] = partial.sum(1)
    return grad_queries, grad_keys, grad_values
