"""Rotary positions in Triton, with the norms of queries and keys that Qwen3 puts before them: one program a token."""

import torch
import triton
import triton.language as tl


@triton.jit
def _rotate(
    source, out, cos, sin, norms, inverse, source_stride, out_stride, eps, direction,
    HEADS: tl.constexpr, KEY_HEADS: tl.constexpr, HALF: tl.constexpr, BLOCK_HEADS: tl.constexpr, NORMED: tl.constexpr,
    PLUS_ONE: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    head = tl.arange(0, BLOCK_HEADS)[:, None]
    column = tl.arange(0, HALF)[None, :]
    inside = (head < HEADS + KEY_HEADS) & (column < HALF)
    place = head * (2 * HALF) + column
    kind = out.dtype.element_ty
    left = tl.load(source + token * source_stride + place, mask=inside, other=0.0).to(tl.float32)
    right = tl.load(source + token * source_stride + place + HALF, mask=inside, other=0.0).to(tl.float32)
    if NORMED:
        factor = tl.rsqrt((tl.sum(left * left, axis=1) + tl.sum(right * right, axis=1)) / (2 * HALF) + eps)[:, None]
        tl.store(inverse + token * (HEADS + KEY_HEADS) + head, factor, mask=head < HEADS + KEY_HEADS)
        which = tl.where(head < HEADS, 0, 2 * HALF)  # the norm of queries, then that of keys
        weight_left = tl.load(norms + which + column).to(tl.float32)
        weight_right = tl.load(norms + which + HALF + column).to(tl.float32)
        if PLUS_ONE:
            left, right = left * factor * (1 + weight_left), right * factor * (1 + weight_right)
        else:
            left = (left * factor).to(kind).to(tl.float32) * weight_left
            right = (right * factor).to(kind).to(tl.float32) * weight_right
        left, right = left.to(kind).to(tl.float32), right.to(kind).to(tl.float32)
    c = tl.load(cos + token * HALF + column).to(tl.float32)
    s = tl.load(sin + token * HALF + column).to(tl.float32) * direction
    tl.store(out + token * out_stride + place, (left * c - right * s).to(kind), mask=inside)
    tl.store(out + token * out_stride + place + HALF, (right * c + left * s).to(kind), mask=inside)


@triton.jit
def _rotate_back(
    grad_queries, grad_keys, grad_values, out, cos, sin, raw, norms, inverse, sums, out_stride, raw_stride,
    HEADS: tl.constexpr, KEY_HEADS: tl.constexpr, HALF: tl.constexpr, BLOCK_HEADS: tl.constexpr, NORMED: tl.constexpr,
    TRAINED: tl.constexpr, PLUS_ONE: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    head = tl.arange(0, BLOCK_HEADS)[:, None]
    column = tl.arange(0, HALF)[None, :]
    width: tl.constexpr = 2 * HALF
    is_query, is_key = head < HEADS, (head >= HEADS) & (head < HEADS + KEY_HEADS)
    is_value = (head >= HEADS + KEY_HEADS) & (head < HEADS + 2 * KEY_HEADS)
    from_queries = grad_queries + (token * HEADS + head) * width + column
    from_keys = grad_keys + (token * KEY_HEADS + head - HEADS) * width + column
    from_values = grad_values + (token * KEY_HEADS + head - HEADS - KEY_HEADS) * width + column
    everywhere = column < HALF
    left = tl.load(from_queries, mask=is_query & everywhere, other=0.0).to(tl.float32)
    left += tl.load(from_keys, mask=is_key & everywhere, other=0.0).to(tl.float32)
    left += tl.load(from_values, mask=is_value & everywhere, other=0.0).to(tl.float32)
    right = tl.load(from_queries + HALF, mask=is_query & everywhere, other=0.0).to(tl.float32)
    right += tl.load(from_keys + HALF, mask=is_key & everywhere, other=0.0).to(tl.float32)
    right += tl.load(from_values + HALF, mask=is_value & everywhere, other=0.0).to(tl.float32)
    c = tl.load(cos + token * HALF + column).to(tl.float32)
    s = tl.load(sin + token * HALF + column).to(tl.float32)
    turned_left = tl.where(is_value, left, left * c + right * s)
    turned_right = tl.where(is_value, right, right * c - left * s)
    if NORMED:
        normed = is_query | is_key
        place = head * width + column
        raw_left = tl.load(raw + token * raw_stride + place, mask=normed & everywhere, other=0.0).to(tl.float32)
        raw_right = tl.load(raw + token * raw_stride + place + HALF, mask=normed & everywhere, other=0.0).to(tl.float32)
        which = tl.where(is_query, 0, width)
        weight_left = tl.load(norms + which + column).to(tl.float32)
        weight_right = tl.load(norms + which + HALF + column).to(tl.float32)
        if PLUS_ONE:
            weight_left, weight_right = 1 + weight_left, 1 + weight_right
        scaled_left, scaled_right = turned_left * weight_left, turned_right * weight_right
        factor = tl.load(inverse + token * (HEADS + KEY_HEADS) + head, mask=normed, other=0.0)
        if TRAINED:
            to_sums = sums + token * (2 * width) + tl.arange(0, HALF)
            by_left, by_right = turned_left * raw_left * factor, turned_right * raw_right * factor
            tl.store(to_sums, tl.sum(tl.where(is_query, by_left, 0.0), axis=0))
            tl.store(to_sums + HALF, tl.sum(tl.where(is_query, by_right, 0.0), axis=0))
            tl.store(to_sums + width, tl.sum(tl.where(is_key, by_left, 0.0), axis=0))
            tl.store(to_sums + width + HALF, tl.sum(tl.where(is_key, by_right, 0.0), axis=0))
        inner = (tl.sum(scaled_left * raw_left, axis=1) + tl.sum(scaled_right * raw_right, axis=1))[:, None] / width
        inner *= factor * factor * factor
        turned_left = tl.where(is_value, turned_left, scaled_left * factor - raw_left * inner)
        turned_right = tl.where(is_value, turned_right, scaled_right * factor - raw_right * inner)
    kind = out.dtype.element_ty
    inside = (head < HEADS + 2 * KEY_HEADS) & everywhere
    to = out + token * out_stride + head * width + column
    tl.store(to, turned_left.to(kind), mask=inside)
    tl.store(to + HALF, turned_right.to(kind), mask=inside)


def rotate_heads(
    qkv: torch.Tensor,
    rotary: tuple[torch.Tensor, torch.Tensor],
    heads: int,
    key_heads: int,
    norms: torch.Tensor | None,
    eps: float,
    out: torch.Tensor,
    plus_one: bool = False,
) -> torch.Tensor | None:
    """Write rotated queries and keys to `out`; with `norms`, normalize them before.

    Args:
        qkv: (tokens, (heads + 2 key_heads) width); `out` may be the same tensor.
        rotary: cosines and sines, (tokens, width / 2), contiguous.
        heads: query heads.
        key_heads: key heads.
        norms: (2, width), weights of the queries' and the keys' norm, or None.
        eps: of the norms.
        out: as qkv; its values are left as they are.
        plus_one: of the norms, see `kernels.rms_norm`.

    Returns:
        Inverse root mean squares (tokens, heads + key_heads), float32, or None without norms.
    """
    cos, sin = rotary
    tokens, half = cos.shape
    inverse = None if norms is None else torch.empty(tokens, heads + key_heads, dtype=torch.float32, device=qkv.device)
    _rotate[(tokens,)](
        qkv, out, cos, sin, norms, inverse, qkv.stride(0), out.stride(0), eps, 1.0,
        HEADS=heads, KEY_HEADS=key_heads, HALF=half, BLOCK_HEADS=triton.next_power_of_2(heads + key_heads),
        NORMED=norms is not None, PLUS_ONE=plus_one, num_warps=4,
    )  # fmt: skip
    return inverse


def rotate_heads_backward(
    grads: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    rotary: tuple[torch.Tensor, torch.Tensor],
    raw: torch.Tensor | None,
    norms: torch.Tensor | None,
    inverse: torch.Tensor | None,
    total: torch.Tensor | None = None,
    plus_one: bool = False,
) -> torch.Tensor:
    """Return the gradient (tokens, (heads + 2 key_heads) width) of qkv; arguments of the forward are as there.

    `grads` are those of rotated queries (tokens, heads, width), rotated keys and values (tokens, key_heads, width).
    Where there are norms, `raw` is qkv before them and the rotation, and `inverse` what the forward returned; where
    they train, the gradients of their weights are added to `total` (2 x width,).
    """
    grad_queries, grad_keys, grad_values = (grad.contiguous() for grad in grads)
    cos, sin = rotary
    tokens, heads, width = grad_queries.shape
    key_heads = grad_keys.shape[1]
    out = grad_queries.new_empty(tokens, (heads + 2 * key_heads) * width)
    sums = None if total is None else torch.empty(tokens, 2 * width, dtype=torch.float32, device=out.device)
    _rotate_back[(tokens,)](
        grad_queries, grad_keys, grad_values, out, cos, sin, raw, norms, inverse, sums, out.stride(0),
        0 if raw is None else raw.stride(0), HEADS=heads, KEY_HEADS=key_heads, HALF=width // 2,
        BLOCK_HEADS=triton.next_power_of_2(heads + 2 * key_heads), NORMED=norms is not None, TRAINED=total is not None,
        PLUS_ONE=plus_one, num_warps=4,
    )  # fmt: skip
    if total is not None and sums is not None:
        total.add_(sums.sum(0))
    return out
