"""An adapter's folder that vLLM loads: its rules (vLLM 0.33, `vllm/lora/peft_helper.py`), and the way out of them."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ..architectures import DELTA_LINEARS, LINEARS
from ..errors import YoyakError
from ..models.text_part import name_in_text
from .adapter_file import AdapterFile

MAX_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM's `--max-lora-rank` may be."""

_OTHER_SENSES = r".*\b(vision\w*|visual|audio\w*|\w*projector\w*|embed_vision|embed_audio)\b.*"
_UNSUPPORTED = ("lora_bias", "alora_invocation_tokens", "layer_replication", "use_bdlora", "use_qalora")


def vllm_objections(adapter: AdapterFile) -> list[str]:
    """Return what vLLM would refuse an adapter for; empty where it takes it."""
    settings = adapter.settings
    objections = []
    if settings.get("modules_to_save"):
        objections.append(f"modules_to_save {', '.join(settings['modules_to_save'])}")
    if settings.get("use_dora"):
        objections.append("DoRA")
    if settings.get("bias", "none") != "none":
        objections.append(f"bias {settings['bias']}")
    if adapter.changed_base:
        objections.append(f"init_lora_weights {adapter.changed_base}, which changes the base weights")
    if settings.get("trainable_token_indices"):
        objections.append("trained rows of added tokens")
    objections += [name for name in _UNSUPPORTED if settings.get(name)]
    if adapter.most_rank > MAX_LORA_RANKS[-1]:
        objections.append(f"rank {adapter.most_rank}, above {MAX_LORA_RANKS[-1]}")
    foreign = {layer.rpartition(".")[2] for layer in adapter.factors if not _is_known(layer)}
    if foreign:
        objections.append(f"adapters on {', '.join(sorted(foreign))}")
    if not objections and adapter.others:
        objections.append(f"the tensor {adapter.others[0]}")
    return objections


def _is_known(layer: str) -> bool:
    """Tell whether vLLM gives a layer of this name an adapter; its `models/qwen3_5.py` gives linear attention some."""
    place, _, name = layer.rpartition(".")
    return name in LINEARS or (name in DELTA_LINEARS and place.endswith(".linear_attn"))


def refuse_unless_loadable(adapter: AdapterFile) -> None:
    """Raise YoyakError where vLLM would refuse the adapter, with all reasons and the way out."""
    objections = vllm_objections(adapter)
    if objections:
        raise YoyakError(
            f"{adapter.folder}: vLLM does not load adapters with {'; '.join(objections)}; use --to merged instead"
        )


def max_lora_rank(adapter: AdapterFile) -> int:
    """Return the smallest `--max-lora-rank` that takes the adapter."""
    return next(rank for rank in MAX_LORA_RANKS if rank >= adapter.most_rank)


def uniform(adapter: AdapterFile) -> AdapterFile:
    """Return the same adapter with one rank and one scale for all layers, which vLLM's older releases take for granted.

    Layers of lower rank (EVA gives each its own) get rows and columns of zeros, and B takes up what a layer's scale
    differs by; B A times its scale stays what it was. An adapter that is uniform already is returned as it is.
    """
    settings, rank = adapter.settings, adapter.most_rank
    if not settings.get("rank_pattern") and not settings.get("alpha_pattern"):
        return adapter
    scale = next(adapter.scale(layer) for layer, (a, _) in adapter.factors.items() if a.shape[0] == rank)
    factors = {}
    for layer, (a, b) in adapter.factors.items():
        more = rank - a.shape[0]
        wider = torch.nn.functional.pad(b * (adapter.scale(layer) / scale), (0, more))
        factors[layer] = (torch.nn.functional.pad(a, (0, 0, 0, more)), wider)
    alpha = scale * (rank**0.5 if settings.get("use_rslora") else rank)
    plain = {**settings, "r": rank, "lora_alpha": alpha, "rank_pattern": {}, "alpha_pattern": {}}
    return AdapterFile(adapter.folder, plain, factors, adapter.others)


def renamed(adapter: AdapterFile, names: dict[str, str]) -> AdapterFile:
    """Return an adapter with other beginnings of its layers' names (see `models.text_part.names_in_whole`)."""
    if not names:
        return adapter

    def in_whole(layer: str) -> str:
        layer = name_in_text(layer)  # an export's layers have the whole's names already
        start = next((start for start in names if layer.startswith(start)), "")
        return names.get(start, "") + layer.removeprefix(start)

    # Its modules are named by their last part alone, which the other senses' layers have too.
    settings = {**adapter.settings, "exclude_modules": _OTHER_SENSES}
    return AdapterFile(adapter.folder, settings, {in_whole(n): f for n, f in adapter.factors.items()}, adapter.others)


def write_adapter(adapter: AdapterFile, base: str, tokenizer: Any, chat_template: str | None, folder: Path) -> None:
    """Write an adapter's folder for vLLM and PEFT: safetensors, settings with the base's name, tokenizer."""
    tensors = {}
    for layer, (a, b) in adapter.factors.items():
        tensors[f"base_model.model.{layer}.lora_A.weight"] = a.contiguous()
        tensors[f"base_model.model.{layer}.lora_B.weight"] = b.contiguous()
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {**adapter.settings, "base_model_name_or_path": base}
    text = json.dumps(settings, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
