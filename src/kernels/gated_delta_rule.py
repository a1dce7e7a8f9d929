"""The gated delta rule and the short convolution before it, over sequences laid end to end.

Each sequence begins with an empty state, or with that of what stands before it: others leak from one example of a pack
into the next (transformers #48718). Plain operations of torch, whose backward is autograd's; `cuda.gated_delta_rule` is
by another library's kernels.
"""

import torch
from torch import nn

from ..descriptions import DELTA_CHUNK
from .chunks import Chunks


def short_convolution(x: torch.Tensor, weight: torch.Tensor, chunks: Chunks) -> torch.Tensor:
    """Return x (tokens, channels) convolved with its own past in each channel, without activation.

    `weight` (channels, kernel) has the newest token's factor last; before a sequence, and before what stands before it,
    are zeros.
    """
    kernel = weight.shape[1]
    result = x * weight[:, -1]
    for distance in range(1, min(kernel, len(x))):
        past = nn.functional.pad(x[:-distance], (0, 0, distance, 0))
        past = past.masked_fill((chunks.ages < distance)[:, None], 0.0)
        if distance in chunks.joints:
            tokens, sources = chunks.joints[distance]
            past = past.index_put((tokens,), x[sources])
        result = torch.addcmul(result, past, weight[:, -1 - distance])
    return result


def gated_delta_rule(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    decays: torch.Tensor,
    rates: torch.Tensor,
    chunks: Chunks,
    keeps_last: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return what each token reads from its sequence's state, and at wish the states after all sequences.

    A state S (key width, value width) of a head of values becomes, token by token, exp(decay) S + rate k (v - k^T S')^T
    with S' the decayed one, and is read as q^T S. Computed in chunks: within one, the corrections of all its tokens
    solve a triangular system (Yang, Kautz and Hatamizadeh 2024, Gated Delta Networks, section 3.3).

    Args:
        queries: (tokens, key heads, key width), scaled.
        keys: the same, of length 1; each head serves `heads / key heads` of the values in a row.
        values: (tokens, heads, value width).
        decays: (tokens, heads), logarithms, at most 0.
        rates: (tokens, heads), between 0 and 1.
        chunks: of the sequences.
        keeps_last: whether the states are returned.

    Returns:
        (tokens, heads, value width), and (sequences, heads, key width, value width) or None.
    """
    key_heads, key_width = keys.shape[1:]
    heads, width = values.shape[1:]
    group = heads // key_heads

    def in_chunks(x: torch.Tensor, *split: int) -> torch.Tensor:
        laid = x.new_zeros(chunks.count * DELTA_CHUNK, *x.shape[1:]).index_copy(0, chunks.places, x)
        return laid.view(chunks.count, DELTA_CHUNK, *split)

    q = in_chunks(queries, key_heads, key_width).transpose(1, 2)  # (chunks, key heads, places, width)
    k = in_chunks(keys, key_heads, key_width).transpose(1, 2)
    v = in_chunks(values, key_heads, group, width).permute(0, 2, 3, 1, 4)  # (chunks, key heads, group, places, width)
    decayed = in_chunks(decays, key_heads, group).permute(0, 2, 3, 1).cumsum(-1)
    rate = in_chunks(rates, key_heads, group).permute(0, 2, 3, 1)[..., None]

    later = torch.ones(DELTA_CHUNK, DELTA_CHUNK, dtype=torch.bool, device=q.device).triu(1)
    between = (decayed[..., :, None] - decayed[..., None, :]).masked_fill(later, float("-inf")).exp()
    transposed = k.transpose(-1, -2)
    system = (k @ transposed)[:, :, None] * rate * between
    within = (q @ transposed)[:, :, None] * between
    since = decayed.exp()[..., None]
    right = torch.cat([v * rate, k[:, :, None] * (rate * since)], dim=-1)
    solved = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
    corrected, seen = torch.split(solved, [width, key_width], dim=-1)
    reading = q[:, :, None] * since
    until = (decayed[..., -1:] - decayed).exp()[..., None]
    writing = (k[:, :, None] * until).transpose(-1, -2)
    whole = since[..., -1:, :]

    read: list[torch.Tensor] = []
    last: list[torch.Tensor] = []
    state: torch.Tensor | None = None
    for step, (first, after) in enumerate(chunks.steps):
        some = slice(first, after)
        new = corrected[some]
        if state is None:
            read.append(within[some] @ new)
        else:
            state = state[chunks.previous[step - 1]]
            new = new - seen[some] @ state
            read.append(reading[some] @ state + within[some] @ new)
        if keeps_last or step + 1 < len(chunks.steps):
            added = writing[some] @ new
            state = added if state is None else state * whole[some] + added
        if keeps_last and state is not None:
            last.append(state[chunks.ends[step][0]])
    result = torch.cat(read).permute(0, 3, 1, 2, 4).reshape(chunks.count * DELTA_CHUNK, heads, width)
    result = result.index_select(0, chunks.places)
    if not keeps_last:
        return result, None
    order = torch.cat([sequences for _, sequences in chunks.ends]).argsort()
    return result, torch.cat(last)[order].view(-1, heads, key_width, width)


def delta_step(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    decay: torch.Tensor,
    rate: torch.Tensor,
    state: torch.Tensor,
) -> torch.Tensor:
    """Return what one new token a row reads (rows, heads, value width), and change the rows' `state` in place.

    Args:
        query: (rows, heads, key width), scaled.
        key: the same, of length 1.
        value: (rows, heads, value width).
        decay: (rows, heads), logarithms.
        rate: (rows, heads).
        state: (rows, heads, key width, value width).
    """
    state.mul_(decay.exp()[..., None, None])
    new = (value - (key[..., None, :] @ state).squeeze(-2)) * rate[..., None]
    state.add_(key[..., :, None] * new[..., None, :])
    return (query[..., None, :] @ state).squeeze(-2)
