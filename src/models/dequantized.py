"""4-bit layers on the CPU: dequantize the frozen weights once instead of at every forward and backward.

On two AVX2 cores bitsandbytes takes 16 ms a matrix to dequantize, more than the matrix product of a micro-batch.
"""

from typing import Any, Literal

import bitsandbytes as bnb
import psutil
import torch
from torch import nn

# Of the memory that is free when the model has been loaded; activations and optimizer need the rest.
_SHARE_OF_FREE_MEMORY = 0.4


class CachedLinear4bit(bnb.nn.Linear4bit):
    """A `Linear4bit` that keeps its weight dequantized too: equal outputs, one product a pass.

    The weight is frozen, so autograd keeps no input: forward (..., in) -> (..., out), as `Linear4bit.forward`.
    """

    dequantized: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x @ W.T + b` in the type of `x`, computed in the compute type."""
        weight = self.dequantized
        bias = None if self.bias is None else self.bias.to(weight.dtype)
        return nn.functional.linear(x.to(weight.dtype), weight, bias).to(x.dtype)


def linear4bit_layers(model: nn.Module) -> list[Any]:
    """Return the 4-bit layers of a model."""
    return [module for module in model.modules() if isinstance(module, bnb.nn.Linear4bit)]


def dequantized_bytes(model: nn.Module, dtype: torch.dtype) -> int:
    """Return the bytes that the dequantized weights of all 4-bit layers take in `dtype`."""
    return sum(int(layer.in_features * layer.out_features) for layer in linear4bit_layers(model)) * dtype.itemsize


def dequantized_fits(model: nn.Module, dtype: torch.dtype) -> bool:
    """Tell whether the memory that is free now holds all 4-bit layers' weights dequantized, and enough besides."""
    return dequantized_bytes(model, dtype) <= _SHARE_OF_FREE_MEMORY * psutil.virtual_memory().available


def prepare_linear4bit(model: nn.Module, dtype: torch.dtype, cache: Literal["auto", "on", "off"]) -> bool:
    """Set the 4-bit layers' compute type and, on a CPU, cache their weights where wanted and possible; tell whether."""
    layers = linear4bit_layers(model)
    for layer in layers:
        layer.compute_dtype, layer.compute_type_is_set = dtype, True
        # With AVX512-BF16 the first forward in eval mode would repack the weight for good, with rounded constants and
        # without autograd: scoring before training would break the gradients.
        layer.support_avx512bf16_for_cpu = False
    on_cpu = bool(layers) and layers[0].weight.device.type == "cpu"
    if not layers or cache == "off" or (cache == "auto" and not (on_cpu and dequantized_fits(model, dtype))):
        return False
    for layer in layers:
        layer.dequantized = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
        layer.__class__ = CachedLinear4bit
    return True


def keeps_dequantized(model: nn.Module) -> bool:
    """Tell whether `prepare_linear4bit` cached a model's weights."""
    return any(isinstance(module, CachedLinear4bit) for module in model.modules())
