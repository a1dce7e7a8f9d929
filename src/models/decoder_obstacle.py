"""Which models the decoder that is written out knows; see `decoder_layer`."""

from typing import Any

from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper

from ..kernels.requirements import kernel_obstacle
from .dequantized import CachedLinear4bit, dequantized_fits, linear4bit_layers
from .model_layers import head_width

MODEL_TYPES = ("llama", "qwen2", "qwen3")


def decoder_obstacle(model: Any) -> str | None:
    """Return why `decoder_layers` doesn't know a model (with or without an adapter), in words, or None."""
    causal_lm = model.get_base_model() if isinstance(model, PeftModel) else model
    config = causal_lm.config
    if config.model_type not in MODEL_TYPES:
        return f"the model is of type {config.model_type}, not {', '.join(MODEL_TYPES)}"
    if config.hidden_act != "silu" or getattr(config, "use_sliding_window", False):
        return "its activation or attention is of another kind"
    if causal_lm.model.rotary_emb.rope_type in ("dynamic", "longrope"):
        return "its rotary positions depend on the longest sequence of a batch"
    obstacle = kernel_obstacle(causal_lm.lm_head.weight.device, head_width(config))
    if obstacle is not None:
        return obstacle
    if not _fits_dequantized(causal_lm):
        return "its weights don't fit in memory dequantized"
    if not isinstance(model, PeftModel):
        return None
    if next(iter(model.peft_config.values())).use_dora:
        return "DoRA"
    if len(model.peft_config) > 1:
        return "more than one adapter"
    tuned = [m for m in causal_lm.modules() if isinstance(m, BaseTunerLayer)]
    if any(layer.disable_adapters or layer.merged for layer in tuned):
        return "its adapter is switched off or merged"
    in_layers = {id(m) for m in causal_lm.model.layers.modules()}
    outside = [m for m in causal_lm.modules() if isinstance(m, BaseTunerLayer | AuxiliaryTrainingWrapper)]
    return (
        "adapters outside the layers (rows of added tokens)" if any(id(m) not in in_layers for m in outside) else None
    )


def _fits_dequantized(model: Any) -> bool:
    """Tell whether 4-bit weights on the CPU are dequantized already or can be; a GPU does it at each use."""
    layers = linear4bit_layers(model)
    if not layers or layers[0].weight.device.type != "cpu" or isinstance(layers[0], CachedLinear4bit):
        return True
    return dequantized_fits(model, layers[0].compute_dtype)
