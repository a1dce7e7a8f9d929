"""A 16-bit model's own `forward` in float32: what both an engine and the model in 16 bit should give but for rounding.

Where the two are apart it tells who is wrong. Gemma 3 270M in bf16 is as far from itself in float32 as a right engine
is (`benchmarks/bf16_rounding.py`), and the two up to 0.43 from each other.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..ranks.group import gathered
from .dequantized import CachedLinear4bit, linear4bit_layers
from .free_memory import free_bytes
from .shared_layers import shared_layers_of

_SHARE_OF_FREE_MEMORY = 0.5  # which the float32 weights may take; the rest is for activations and gradients
_ROWS = 8192  # of a head's table that are in float32 at a time
_MOST_TIMES_ITS_OWN = 1.5  # as two roundings of one sum differ: 0.5 to 1.8 times for Gemma 3 270M, over 9 draws
_MOST_DISTANCE = 0.3  # beyond it any fault would hide: half the adapters or half the gradient are 0.48 and more away
_MOST_FACTOR = 0.05  # rounding changed it by up to 0.024; a head at nine tenths by 0.10 and more, one at a half by 0.5


@dataclass(frozen=True)
class FromFloat32:
    """Where gradients or logits in 16 bit are from those in float32.

    Attributes:
        distance: |these - those| / |those|.
        factor: by how much these are longer in the direction of those. Rounding goes in all directions, so of
            many numbers it leaves this near 1; a scale that is left out does not (`benchmarks/float32_beside.py`).
    """

    distance: float
    factor: float

    @classmethod
    def of(cls, difference: float, product: float, size: float) -> "FromFloat32":
        """Return it by squares: |these - those|^2, their product with those, and |those|^2."""
        size = max(size, 1e-60)
        return cls((difference / size) ** 0.5, product / size)


def is_rounding(ours: FromFloat32, own: FromFloat32) -> bool:
    """Tell whether an engine is no further from float32 than rounding takes it, by how far it takes the model's own."""
    near = ours.distance <= min(_MOST_TIMES_ITS_OWN * own.distance, _MOST_DISTANCE)
    return near and abs(ours.factor - 1) <= _MOST_FACTOR


def float32_fits(model: Any) -> bool:
    """Tell whether a model computes in 16 bit and its weights fit into memory in float32 too.

    4-bit weights stay as they are, and are dequantized at their use. Where these are cut over the ranks, embeddings and
    head stay as they are too (8.4 GB in float32 of Llama-3-70B's, in a training that is planned to the last), and all
    ranks have to ask, and get one answer: each gathers the layers with the others.
    """
    weight = model.get_input_embeddings().weight
    if weight.dtype.itemsize != 2:
        return False
    wide = 4 * sum(p.numel() for p in _narrow(model))
    cached = 4 * sum(layer.dequantized.numel() for layer in _cached(model))
    fits = bool(wide + cached <= _SHARE_OF_FREE_MEMORY * free_bytes(weight.device))
    return fits if shared_layers_of(model) is None else all(gathered(fits))


@contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """Let a model compute in float32 with the very numbers of its 16-bit weights, and without autocast."""
    embedding = model.get_input_embeddings()
    dtype, scale = embedding.weight.dtype, getattr(embedding, "embed_scale", None)
    narrow, cached, quantized = list(_narrow(model)), _cached(model), linear4bit_layers(model)
    kept = [tensor.data for tensor in narrow]
    dequantized, computes = [layer.dequantized for layer in cached], [layer.compute_dtype for layer in quantized]
    with torch.inference_mode(False), torch.autocast(embedding.weight.device.type, enabled=False):
        try:
            for tensor in narrow:
                tensor.data = tensor.data.float()
            for layer in cached:
                layer.dequantized = layer.dequantized.float()
            for layer in quantized:
                layer.compute_dtype = torch.float32
            if isinstance(scale, torch.Tensor):  # which the embeddings round at each use
                embedding.embed_scale = scale.to(dtype).float()
            with _widened_at_use(_tables(model)):
                yield
        finally:
            for tensor, values in zip(narrow, kept, strict=True):
                tensor.data = values
            for layer, weight in zip(cached, dequantized, strict=True):
                layer.dequantized = weight
            for layer, computed in zip(quantized, computes, strict=True):
                layer.compute_dtype = computed
            if isinstance(scale, torch.Tensor):
                embedding.embed_scale = scale


def _tables(model: Any) -> list[Any]:
    """Return embeddings and head where they stay in 16 bit; nothing where a class of its own might scale or round."""
    tables = [model.get_input_embeddings(), model.get_output_embeddings()]
    plain = [type(table) for table in tables] == [nn.Embedding, nn.Linear]
    return tables if plain and shared_layers_of(model) is not None else []


@contextmanager
def _widened_at_use(tables: list[Any]) -> Iterator[None]:
    """Let embeddings and head give float32 of their values in 16 bit, of which no copy stands whole."""
    if not tables:
        yield
        return
    embedding, head = tables
    with ExitStack() as undone:
        undone.callback(embedding.register_forward_hook(lambda _, __, rows: rows.float()).remove)
        head.forward = partial(_product_in_parts, head)
        undone.callback(vars(head).pop, "forward")
        yield


def _product_in_parts(head: Any, states: torch.Tensor) -> torch.Tensor:
    parts = head.weight.split(_ROWS)
    product = torch.cat([checkpoint(_product, states, part, use_reentrant=False) for part in parts], -1)
    return product if head.bias is None else product + head.bias


def _product(states: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    return nn.functional.linear(states, part.float())


def _narrow(model: Any) -> Iterator[torch.Tensor]:
    """Yield the parameters and buffers in 16 bit that are to be in float32."""
    staying = {id(table.weight) for table in _tables(model)}
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point() and tensor.dtype.itemsize == 2 and id(tensor) not in staying:
            yield tensor


def _cached(model: Any) -> list[Any]:
    return [layer for layer in linear4bit_layers(model) if isinstance(layer, CachedLinear4bit)]
