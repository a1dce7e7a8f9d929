"""What the caches of sequences that are continued together take, by kind of layer, and how many sequences fit.

A layer of attention has keys and values a token. One with a window keeps them all as well: our caches have a place for
each token, and transformers' are views of the whole prompt's until the next token. A gated delta rule has a state a
sequence, however long.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from ..decoder.model_layers import decoder_layers, head_width
from ..decoder.row_batch import PLACES_STEP
from ..models.causal_head import without_wrapper
from ..planner.delta import delta_of

_STATES = ("linear_attention", "conv")  # kinds of layers, as configs name them, without keys and values


@dataclass(frozen=True)
class CacheSize:
    """Of all layers together.

    Attributes:
        token_bytes: of a token's keys and values.
        row_bytes: of a sequence's states.
        places_step: there is room for a multiple of so many tokens.
        power_of_two: whether there is room for a power of two of sequences.
    """

    token_bytes: int
    row_bytes: int = 0
    places_step: int = 1
    power_of_two: bool = False

    def times(self, beams: int) -> "CacheSize":
        """Return the size of so many sequences as that of one: a dialogue's with all its beams."""
        return replace(self, token_bytes=beams * self.token_bytes, row_bytes=beams * self.row_bytes)

    def of_row(self, tokens: int) -> int:
        """Return the bytes of a sequence that grows to so many tokens."""
        return self.row_bytes + self.token_bytes * -(-tokens // self.places_step) * self.places_step

    def rows(self, tokens: int, room: int) -> int:
        """Return how many sequences of up to so many tokens `room` bytes hold."""
        rows = room // max(self.of_row(tokens), 1)
        return 1 << (rows.bit_length() - 1) if self.power_of_two and rows else rows


def cache_size(model: Any, fast: bool, joins: bool = False) -> CacheSize:
    """Return what a model's caches take.

    Args:
        model: with or without an adapter.
        fast: whether the cached decoder generates (`generates_fast`), else transformers.
        joins: whether sequences join one by one (the server's), for which the number of rows doubles; on a GPU the
            cached decoder's always does.
    """
    weight = model.get_input_embeddings().weight
    size = _of_row_batch(model, weight) if fast else _by_config(model.config.get_text_config(), weight.dtype.itemsize)
    step = PLACES_STEP if fast or joins else 1
    return replace(size, places_step=step, power_of_two=joins or (fast and weight.is_cuda))


def _of_row_batch(model: Any, weight: torch.Tensor) -> CacheSize:
    """Return the sizes of a `RowBatch`, by the caches that its layers make."""
    like = torch.empty(0, dtype=weight.dtype, device="meta")
    by_token = by_row = 0
    for layer in decoder_layers(without_wrapper(model)):
        caches = layer.attention.new_cache(1, 1, like)
        taken = sum(states.numel() * states.element_size() for states in caches)
        by_token, by_row = (by_token + taken, by_row) if layer.attention.by_place else (by_token, by_row + taken)
    return CacheSize(by_token, by_row)


def _by_config(config: Any, number_bytes: int) -> CacheSize:
    """Return the sizes of transformers' own caches."""
    # Gemma 4's layers differ in their heads' width, and its config refuses to name one for all.
    layers = list(getattr(config, "per_layer_config", None) or [config] * config.num_hidden_layers)
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * len(layers)
    by_token = sum(
        2 * (getattr(layer, "num_key_value_heads", None) or layer.num_attention_heads) * head_width(layer)
        for layer, kind in zip(layers, kinds, strict=True)
        if kind not in _STATES
    )
    by_row = 0
    if hasattr(config, "linear_num_value_heads"):  # its convolutions keep a token more than they need, in 16 bit too
        delta = delta_of(config.to_dict())
        by_row = delta.layers * (4 * delta.head_state + number_bytes * delta.kernel * delta.mixed)
    return CacheSize(by_token * number_bytes, by_row)
