"""The gated delta rule by Flash Linear Attention's Triton kernels (Yang and Zhang 2024), where that is installed.

Its short convolution and its chunked rule, with their own backwards: the states after one level of sequences are those
that the next begins with. Queries are scaled by its kernels, as transformers calls them.
"""

from dataclasses import dataclass

import torch

from ...descriptions import DeltaDescription
from ..levels import Level, Levels
from .unit_length import unit_length


@dataclass(frozen=True)
class _Carried:
    """What the next level begins with: what its convolution still sees (sequences, channels, kernel), and states."""

    past: torch.Tensor | None
    states: torch.Tensor | None


def flash_gated_delta_rule(
    qkv: torch.Tensor,
    weight: torch.Tensor,
    decays: torch.Tensor,
    rates: torch.Tensor,
    of: DeltaDescription,
    levels: Levels,
    keeps_last: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return what each token reads from its sequence's state, and at wish the states after all sequences.

    Args:
        qkv: (tokens, channels), before the convolution; the result is of its type.
        weight: (channels, kernel) of the convolution, whose output passes SiLU.
        decays: (tokens, heads), logarithms, at most 0, in float32.
        rates: (tokens, heads), between 0 and 1, in float32.
        of: the sizes of the heads.
        levels: of the sequences.
        keeps_last: whether the states are returned.

    Returns:
        (tokens, heads, value width), and (sequences, heads, key width, value width) in float32 or None.
    """
    read, states = [], []
    carried = _Carried(None, None)
    for number, level in enumerate(levels.levels):
        goes_on = number + 1 < len(levels.levels)
        every = qkv, decays, rates  # a part of one has a gradient of the whole's size, filled with zeros
        some, some_decays, some_rates = every if len(levels.levels) == 1 else (x[level.tokens] for x in every)
        result, carried = _level(some, some_decays, some_rates, weight, of, level, carried, goes_on, keeps_last)
        read.append(result)
        states.append(carried.states)
    order = levels.token_order
    whole = read[0] if len(read) == 1 else torch.cat(read)
    whole = whole if order is None else whole.index_select(0, order)
    if not keeps_last:
        return whole, None
    last = torch.cat([state for state in states if state is not None])
    return whole, last if levels.sequence_order is None else last[levels.sequence_order]


def _level(
    qkv: torch.Tensor,
    decays: torch.Tensor,
    rates: torch.Tensor,
    weight: torch.Tensor,
    of: DeltaDescription,
    level: Level,
    before: _Carried,
    goes_on: bool,
    keeps_last: bool,
) -> tuple[torch.Tensor, _Carried]:
    from fla.modules.causal_conv1d import causal_conv1d
    from fla.ops.gated_delta_rule import chunk_gated_delta_rule

    bounds = {"cu_seqlens": level.starts, "cu_seqlens_cpu": level.host_starts}
    # Indexed, and not by `index_select`: where many go on from one, its gradient is summed in a fixed order.
    past, states = (None if x is None else x[level.parents] for x in (before.past, before.states))
    convolved, past = causal_conv1d(
        qkv[None], weight, initial_state=past, output_final_state=goes_on, activation="silu", **bounds
    )
    queries, keys, values = torch.split(convolved[0], [of.keys, of.keys, of.values], dim=1)
    queries, keys = (unit_length(x.view(-1, of.key_heads, of.key_width)) for x in (queries, keys))
    read, states = chunk_gated_delta_rule(
        queries[None],
        keys[None],
        values.reshape(1, -1, of.heads, of.width),
        g=decays[None],
        beta=rates[None],
        scale=of.key_width**-0.5,
        initial_state=states,
        output_final_state=goes_on or keeps_last,
        **bounds,
    )
    return read[0], _Carried(past, states)
