"""Launches causal attention within sequences laid end to end: how it is computed says `packed_flash_kernels`."""

from typing import Any

import torch
import triton

from .packed_flash_kernels import attend_backward_keys, attend_backward_queries, attend_forward

_LOG2_E = 1.4426950408889634
_CHUNK = 512


def capability(device: torch.device) -> tuple[int, int]:
    """Return the GPU's compute capability; that of an H100 where there is none."""
    return torch.cuda.get_device_capability(device) if device.type == "cuda" else (9, 0)


def block_sizes(queries: torch.Tensor) -> dict[str, dict[str, int]]:
    """Return block sizes, warps and pipeline stages of each kernel, by what was fastest on an H100 and fits elsewhere.

    Heads of 128 in 16 bit and 20k tokens of about 300 each: larger blocks compute more pairs that are masked. Cards
    before Ampere have 64 KB of shared memory for a block, some later ones 99.
    """
    old, bytes_a_head = capability(queries.device) < (8, 0), queries.shape[-1] * queries.element_size()
    wide = bytes_a_head > 256
    if old or wide:
        side = 16 if (old and wide) or bytes_a_head > 512 else 32
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
    scale: float | None = None,
    window: int | None = None,
) -> torch.Tensor:
    """Write attention to `out`; return the log2 sums (tokens, heads), float32.

    Args:
        heads: queries (tokens, heads, width), keys and values (tokens, key heads, width), views of rows of one buffer.
        positions: (tokens,) each token's place in its sequence, int64.
        out: (tokens, heads x width), may be a slice of wider rows.
        shared: number of tokens, the first ones, that stand before each of the other sequences, too.
        before: (2, tokens) see `Sequences`; None where there are no groups.
        scale: of the scores; by default one over the root of the width.
        window: how many positions a token sees, its own counted; None sees all before it.
    """
    if before is not None and not before.is_contiguous():
        raise ValueError("`before` must be contiguous: the kernels find its second row behind the first")
    queries, keys, values = heads
    tokens, count, width = queries.shape
    log_sums = torch.empty(tokens, count, dtype=torch.float32, device=queries.device)
    sizes: Any = block_sizes(queries)["forward"]
    factor = (scale or width**-0.5) * _LOG2_E
    attend_forward[(triton.cdiv(tokens, sizes["M"]), count)](
        queries, keys, values, positions, before, out, log_sums, tokens, shared or None, window, queries.stride(0),
        out.stride(0), factor, GROUP=count // keys.shape[1], HEADS=count, WIDTH=width, **sizes,
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
    scale: float | None = None,
    window: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of queries (tokens, heads, width), keys and values (tokens, key heads, width).

    `grad` is that of the output (tokens, heads x width), and may be a slice of wider rows. `ends` (tokens,), int64, is
    where each token's sequence ends, in groups its group. `out` and `log_sums` are the forward's; all else is as there.
    """
    queries, keys, values = heads
    tokens, count, width = queries.shape
    key_heads = keys.shape[1]
    grad_queries = grad.new_empty(tokens, count, width)
    grad_both = grad.new_empty(2, tokens, key_heads, width)
    grad_keys, grad_values = grad_both
    dots = torch.empty_like(log_sums)
    sizes: Any = block_sizes(queries)
    factor, group = (scale or width**-0.5) * _LOG2_E, count // key_heads
    attend_backward_queries[(triton.cdiv(tokens, sizes["queries"]["M"]), count)](
        queries, keys, values, positions, before, out, grad, log_sums, dots, grad_queries, tokens, shared or None,
        window, queries.stride(0), out.stride(0), grad.stride(0), factor, GROUP=group, HEADS=count, WIDTH=width,
        **sizes["queries"],
    )  # fmt: skip
    blocks, partial = triton.cdiv(tokens, sizes["keys"]["N"]), None
    if shared:
        chunks = triton.cdiv(tokens, _CHUNK)
        blocks += triton.cdiv(shared, sizes["keys"]["N"]) * chunks
        partial = log_sums.new_empty(2, chunks, shared, key_heads, width)
    attend_backward_keys[(blocks, key_heads)](
        queries, keys, values, positions, before, ends, grad, log_sums, dots, grad_keys, grad_values, partial, tokens,
        shared or None, window, queries.stride(0), grad.stride(0), factor, GROUP=group, HEADS=count, WIDTH=width,
        CHUNK=_CHUNK, **sizes["keys"],
    )  # fmt: skip
    if partial is not None:
        grad_both[:, :shared] = partial.sum(1)
    return grad_queries, grad_keys, grad_values
