"""Where the packed decoder's base weights come from: held in memory, or dequantized at each use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bitsandbytes as bnb
import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from ..kernels.adapted_linear import AdaptedLinear, Adapter, HeldWeight, WideWeight
from .dequantized import CachedLinear4bit


@dataclass(frozen=True)
class _QuantizedWeight:
    """4-bit weights on a GPU, dequantized at each use into a buffer that all layers share."""

    bases: Sequence[Any]
    rows: Sequence[int]
    width: int
    buffer: torch.Tensor

    def load(self) -> torch.Tensor:
        """Fill the buffer's base part."""
        from ..kernels.cuda.nf4 import dequantize_nf4

        for base, part in zip(self.bases, torch.split(self.buffer[:, : self.width], list(self.rows)), strict=True):
            dequantize_nf4(base.weight.data, base.weight.quant_state, part)
        return self.buffer


class WideWeights:
    """Makes the decoder's linear layers. On a GPU, 4-bit layers of one shape share one buffer."""

    def __init__(self) -> None:
        """Nothing is allocated yet."""
        self._buffers: dict[tuple[str, int, int], torch.Tensor] = {}

    def adapted_linear(self, layers: Sequence[Any]) -> AdaptedLinear:
        """Return layers that share their input, with or without adapters, as one.

        Weights that are held move into the wide one, of which they stay views, so that memory doesn't double.
        """
        bases = [layer.get_base_layer() if isinstance(layer, LoraLayer) else layer for layer in layers]
        adapters = [_adapter(layer) for layer in layers]
        ranks = sum(len(adapter.a) for adapter in adapters if adapter)
        rows, width = [base.out_features for base in bases], bases[0].in_features
        dtype = _compute_type(bases[0])
        device = bases[0].weight.device
        source: WideWeight
        if device.type == "cpu" or not isinstance(bases[0], bnb.nn.Linear4bit):
            source = HeldWeight(_hold(bases, rows, width + ranks, dtype))
        else:
            key = (type(layers[0]).__name__ + str(len(layers)), sum(rows), width + ranks)
            if key not in self._buffers:
                self._buffers[key] = torch.zeros(sum(rows), width + ranks, dtype=dtype, device=device)
            source = _QuantizedWeight(bases, rows, width, self._buffers[key])
        biases = [base.bias for base in bases]
        bias = None if any(b is None for b in biases) else torch.cat([b.data for b in biases]).to(dtype)
        like = torch.empty(0, width, dtype=dtype, device=device)
        return AdaptedLinear(source, bias, rows, adapters, max(_dropout(layer) for layer in layers), like)


def _hold(bases: Sequence[Any], rows: Sequence[int], columns: int, dtype: torch.dtype) -> torch.Tensor:
    wide = torch.zeros(sum(rows), columns, dtype=dtype, device=bases[0].weight.device)
    for base, part in zip(bases, torch.split(wide[:, : bases[0].in_features], list(rows)), strict=True):
        if isinstance(base, CachedLinear4bit):
            part.copy_(base.dequantized)
            base.dequantized = part
        elif isinstance(base, bnb.nn.Linear4bit):
            part.copy_(bnb.functional.dequantize_4bit(base.weight.data, base.weight.quant_state))
        else:
            part.copy_(base.weight.data)
            base.weight.data = part
    return wide


def _compute_type(base: Any) -> torch.dtype:
    if isinstance(base, bnb.nn.Linear4bit):
        dtype: torch.dtype = base.compute_dtype
        return dtype
    return base.weight.dtype  # type: ignore[no-any-return]


def _adapter(layer: Any) -> Adapter | None:
    if not isinstance(layer, LoraLayer):
        return None
    name = layer.active_adapters[0]
    return Adapter(layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name])


def _dropout(layer: Any) -> float:
    if not isinstance(layer, LoraLayer):
        return 0.0
    return max((d.p for d in layer.lora_dropout.values() if isinstance(d, nn.Dropout)), default=0.0)
