"""An adapter alone as a GGUF file, which llama.cpp adds to a base model in GGUF (`--lora FILE`)."""

import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from ..errors import YoyakError
from .adapter_file import AdapterFile
from .gguf_model import architecture, gguf_names, permuted, rotary_heads


def written_alpha(adapter: AdapterFile) -> float:
    """Return the alpha that llama.cpp, which computes alpha / r, needs for the adapter's scale.

    For rsLoRA, whose scale is alpha / sqrt(r), that is alpha sqrt(r). Layers with a scale of their own take up the
    rest in B.
    """
    settings = adapter.settings
    alpha, rank = float(settings["lora_alpha"]), int(settings["r"])
    return alpha * math.sqrt(rank) if settings.get("use_rslora") else alpha


def write_lora_gguf(path: Path, adapter: AdapterFile, base_config: Any, name: str) -> int:
    """Write an adapter (LoRA or rsLoRA, each layer of any rank) as GGUF, in float32; return the number of tensors.

    `base_config` is the base model's: rows of B are permuted as its q and k are. `name` is for people.

    Raises:
        YoyakError: parts that GGUF has no place for (DoRA, rows of added tokens, biases), or another base.
    """
    obstacle = lora_obstacle(adapter)
    if obstacle:
        raise YoyakError(f"{adapter.folder}: GGUF adapters have no place for {obstacle}; use --to gguf instead")
    names, alpha = gguf_names(base_config), written_alpha(adapter)
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture(base_config)])
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_name(name)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        for layer, (a, b) in adapter.factors.items():
            theirs = names.get_name(layer)
            if theirs is None:
                raise YoyakError(f"{adapter.folder}: llama.cpp has no place for {layer}; use --to gguf instead")
            heads = rotary_heads(base_config, f"{layer}.")
            rest = round(adapter.scale(layer) * a.shape[0] / alpha, 12)  # 1 but for layers with a scale of their own
            rows = (b * rest).numpy()
            writer.add_tensor(f"{theirs}.weight.lora_a", np.ascontiguousarray(a.numpy()))
            writer.add_tensor(f"{theirs}.weight.lora_b", np.ascontiguousarray(permuted(rows, heads) if heads else rows))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
    return 2 * len(adapter.factors)


def lora_obstacle(adapter: AdapterFile) -> str | None:
    """Return what of an adapter a GGUF adapter can't hold; None where it holds all."""
    if adapter.settings.get("use_dora"):
        return "DoRA's magnitudes"
    if adapter.changed_base:
        return f"init_lora_weights {adapter.changed_base}, which changes the base weights"
    return adapter.others[0] if adapter.others else None
