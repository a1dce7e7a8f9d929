"""PEFT's adapter layers with the fused CPU operation in training; what it does not cover stays PEFT's."""

from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import Linear
from peft.tuners.lora.bnb import Linear4bit
from torch import nn

from ..kernels.lora_linear import lora_linear
from .dequantized import CachedLinear4bit


class _FusedForward:
    """Overrides an adapter layer's forward for plain LoRA in float32 training on the CPU."""

    def forward(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return base plus adapter output (..., out) of x (..., in)."""
        weight = _fused_weight(self, x)
        if weight is None or args or kwargs:
            output: torch.Tensor = super().forward(x, *args, **kwargs)  # type: ignore[misc]
            return output
        name = self.active_adapters[0]
        dropout = self.lora_dropout[name]
        return lora_linear(
            x,
            weight,
            self.get_base_layer().bias,
            self.lora_A[name].weight,
            self.lora_B[name].weight,
            self.scaling[name],
            dropout.p if isinstance(dropout, nn.Dropout) else 0.0,
        )


def _fused_weight(layer: Any, x: torch.Tensor) -> torch.Tensor | None:
    """Return the frozen float32 weight where the fused operation computes what PEFT would, else None."""
    names = layer.active_adapters
    plain = layer.training and torch.is_grad_enabled() and not layer.disable_adapters and not layer.merged
    if not plain or len(names) != 1 or names[0] not in layer.lora_A or names[0] in layer.lora_variant:
        return None
    base = layer.get_base_layer()
    weight = base.dequantized if isinstance(base, CachedLinear4bit) else base.weight
    float32 = x.dtype == weight.dtype == layer.lora_A[names[0]].weight.dtype == torch.float32
    return weight if float32 and x.device.type == "cpu" else None


class FusedLinear(_FusedForward, Linear):
    """PEFT's adapter on a 16- or 32-bit layer."""


class FusedLinear4bit(_FusedForward, Linear4bit):
    """PEFT's adapter on a 4-bit layer."""


def fuse_adapters(model: PeftModel) -> int:
    """Give the model's adapter layers the fused forward; return how many."""
    fused = {Linear: FusedLinear, Linear4bit: FusedLinear4bit}
    layers = [module for module in model.modules() if type(module) in fused]
    for layer in layers:
        base = layer.get_base_layer()
        if isinstance(base, CachedLinear4bit) or type(base) is nn.Linear:
            layer.__class__ = fused[type(layer)]
    return sum(isinstance(layer, _FusedForward) for layer in layers)
