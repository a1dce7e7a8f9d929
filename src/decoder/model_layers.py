"""All decoder layers of a model, and what they share: rotary tables."""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from ..descriptions import DecoderDescription, LayerDescription, QueryScale
from ..kernels.heads import Rotary
from ..models.shared_layers import shared_layers_of
from .decoder_layer import DecoderLayer
from .decoder_norm import DecoderNorm
from .described import describe, norm_modules
from .fused_weights import LinearFactory
from .layer_state import Rotaries

_LAYERS: "WeakKeyDictionary[nn.Module, tuple[list[int], list[DecoderLayer]]]" = WeakKeyDictionary()


@torch.inference_mode(False)  # weights made while generating must serve training too
def decoder_layers(causal_lm: Any, float8: bool = False) -> list[DecoderLayer]:
    """Return the layers of a model without an obstacle; it gets them once, for training and generation.

    With `float8` they are made anew, with copies of the frozen weights in 8 bit.
    """
    if float8:
        return _new_layers(causal_lm, LinearFactory(float8=True))
    adapters = [id(p) for n, p in causal_lm.model.layers.named_parameters() if "lora_" in n]
    known = _LAYERS.get(causal_lm)
    if known is not None and known[0] == adapters:
        return known[1]
    layers = _new_layers(causal_lm, LinearFactory(dequantizes=shared_layers_of(causal_lm) is not None))
    _LAYERS[causal_lm] = adapters, layers
    return layers


def _new_layers(causal_lm: Any, factory: LinearFactory) -> list[DecoderLayer]:
    pairs = zip(causal_lm.model.layers, describe(causal_lm).layers, strict=True)
    return [DecoderLayer(layer, one, _norms(causal_lm, layer, one), factory) for layer, one in pairs]


def _norms(causal_lm: Any, layer: Any, description: LayerDescription) -> dict[str, DecoderNorm]:
    """Return a layer's norms by where they stand, those before attention and MLP first."""
    modules = norm_modules(causal_lm, layer)
    places = ("before_attention", "before_mlp", "after_attention", "after_mlp")
    return {place: DecoderNorm(modules[place], getattr(description, place)) for place in places if place in modules}


def head_width(config: Any) -> int:
    """Return the width of an attention head by a model's config."""
    return getattr(config, "head_dim", None) or int(config.hidden_size // config.num_attention_heads)


def rotary_tables(
    embedding: Any, description: DecoderDescription, like: torch.Tensor, positions: torch.Tensor
) -> Rotaries:
    """Return what turns and scales at positions (tokens,), in the type of `like`.

    The table of layers which turn nothing is one of ones and zeros, by which a product stays bit for bit what it is; so
    are the last columns where heads are turned in part.
    """
    widths = {attention.rotary: attention.width for attention in description.attentions}
    tables = {name: _rotary_table(embedding, name, width, like, positions) for name, width in widths.items()}
    scale = description.attentions[0].query_scale
    return Rotaries(tables, None if scale is None else _query_factors(scale, positions).to(like.dtype))


def _query_factors(scale: QueryScale, positions: torch.Tensor) -> torch.Tensor:
    """Return the factors (tokens, 1) of queries at positions (tokens,), in float32."""
    whole = torch.div(positions, scale.period, rounding_mode="floor")
    return (1 + scale.beta * torch.log(1 + whole.float())).unsqueeze(1)


def _rotary_table(embedding: Any, name: str | None, width: int, like: torch.Tensor, positions: torch.Tensor) -> Rotary:
    if name is None:
        return like.new_ones(len(positions), width // 2), like.new_zeros(len(positions), width // 2)
    # Of images' models each place has three positions, which are equal in text. Newer transformers take one for all.
    places = positions.expand(3, 1, -1) if hasattr(embedding, "mrope_section") else positions[None]
    cos, sin = embedding(like, places, *([name] if name else []))
    half = cos.shape[-1] // 2
    rest = width // 2 - half  # of heads that are turned in part, see `GatedAttention`
    cos, sin = cos[0, :, :half], sin[0, :, :half]
    return nn.functional.pad(cos, (0, rest), value=1.0).contiguous(), nn.functional.pad(sin, (0, rest)).contiguous()


def rotary_frequencies(embedding: Any, name: str) -> int:
    """Return how many frequencies a table has: half of the numbers of a head that it turns."""
    return len(getattr(embedding, f"{name}_inv_freq" if name else "inv_freq"))
