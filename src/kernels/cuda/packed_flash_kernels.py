"""Causal attention within sequences laid end to end, in Triton, after FlashAttention 2 (Dao 2023).

A block holds neighbouring tokens of whatever sequences they are of: a token sees the keys from its sequence's first
token (its own place less its position) to itself. So the grid holds no empty blocks, however short the sequences and
whatever their number, and a captured graph needs no list of them. Keys and values are shared by a group of query heads;
their gradients are summed over the group in registers.

Tokens that all examples begin with stand once, as the first `shared` rows, and the positions of the other sequences
go on after them (see `data.packing`): a block of queries sees the first few blocks of keys, then its own. A shared key
gets gradients from all queries: programs of their own take `CHUNK` of these each, and their sums are added up
afterwards, in one order. Where nothing is shared, `shared` is None, and the kernels are compiled without all this.

In groups, a prompt and its continuations behind it, a token of a continuation sees the prompt's keys (`before`) and its
own sequence's. A group is short, so the blocks between, of the continuations before its own, are computed and masked.

In a window a token sees the last `window` positions up to its own; blocks of its sequence that lie before are left out.
"""

import triton
import triton.language as tl


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
def _position(positions, key, tokens):
    """Return the positions of keys, by which a window counts: rows of shared or earlier tokens lie further away."""
    return tl.load(positions + key, mask=key < tokens, other=0).to(tl.int32)


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
def attend_forward(
    queries, keys, values, positions, before, out, log_sums, tokens, shared, window, stride, out_stride, scale,
    GROUP: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """Write a block of queries' attention, for one head, and its log2 sums."""
    first = tl.program_id(0) * M
    head = tl.program_id(1)
    row = first + tl.arange(0, M)
    column = tl.arange(0, WIDTH)
    inside = row < tokens
    position = tl.load(positions + row, mask=inside, other=0).to(tl.int32)
    begin = _begin(row, position, shared)
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
    elif window is not None:
        lowest = tl.maximum(lowest, first - window + 1)
    for start in range(lowest - ahead, tl.minimum(first + M, tokens), N):
        key, seen_to = _keys_at(start, ahead, lowest, shared, N)
        place = key[:, None].to(tl.int64) * stride + at_head
        k = tl.load(keys + place, mask=key[:, None] < tokens, other=0.0)
        scores = tl.dot(q, tl.trans(k)) * scale
        seen = (key[None, :] <= row[:, None]) & (seen_to[None, :] >= begin[:, None])
        if before is not None:
            seen |= (key[None, :] >= prompt[:, None]) & (key[None, :] < prompt_end[:, None])
        if window is not None:
            seen &= position[:, None] - _position(positions, key, tokens)[None, :] < window
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
def attend_backward_queries(
    queries, keys, values, positions, before, out, grad, log_sums, dots, grad_queries, tokens, shared, window, stride,
    out_stride, grad_stride, scale, GROUP: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, M: tl.constexpr,
    N: tl.constexpr,
):  # fmt: skip
    """Write the gradients of a block of queries, for one head, and the dots of gradient and output."""
    first = tl.program_id(0) * M
    head = tl.program_id(1)
    row = first + tl.arange(0, M)
    column = tl.arange(0, WIDTH)
    inside = row < tokens
    position = tl.load(positions + row, mask=inside, other=0).to(tl.int32)
    begin = _begin(row, position, shared)
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
    elif window is not None:
        lowest = tl.maximum(lowest, first - window + 1)
    for start in range(lowest - ahead, tl.minimum(first + M, tokens), N):
        key, seen_to = _keys_at(start, ahead, lowest, shared, N)
        place = key[:, None].to(tl.int64) * stride + at_head
        k = tl.load(keys + place, mask=key[:, None] < tokens, other=0.0)
        v = tl.load(values + place, mask=key[:, None] < tokens, other=0.0)
        scores = tl.dot(q, tl.trans(k)) * scale
        seen = (key[None, :] <= row[:, None]) & (seen_to[None, :] >= begin[:, None])
        if before is not None:
            seen |= (key[None, :] >= prompt[:, None]) & (key[None, :] < prompt_end[:, None])
        if window is not None:
            seen &= position[:, None] - _position(positions, key, tokens)[None, :] < window
        weights = tl.where(seen, tl.exp2(scores - log_sum[:, None]), 0.0)
        grad_scores = weights * (tl.dot(g, tl.trans(v)) - dot[:, None])
        result = tl.dot(grad_scores.to(k.dtype), k, result)
    # `scale` holds log2(e), which the derivative of exp2 takes back.
    result = result * (scale * 0.6931471805599453)
    to = grad_queries + (long_row * HEADS * WIDTH) + at
    tl.store(to, result.to(grad_queries.dtype.element_ty), mask=inside[:, None])


@triton.jit
def attend_backward_keys(
    queries, keys, values, positions, before, ends, grad, log_sums, dots, grad_keys, grad_values, partial, tokens,
    shared, window, stride, grad_stride, scale, GROUP: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Write the gradients of a block of keys and values, for one key head; shared ones as parts."""
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
    if window is not None:
        key_position = _position(positions, key, tokens)
        if before is None:
            end_rows = tl.minimum(end_rows, first + N - 1 + window)
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
            position = tl.load(positions + row, mask=there, other=0).to(tl.int32)
            begin = _begin(row, position, shared)
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
            if window is not None:
                seen &= position[None, :] - key_position[:, None] < window
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
