"""A saved PEFT adapter read from its files, without a model: settings, factors by layer, and each layer's scale."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import YoyakError, first_line
from ..models.adapter_config import refuse_no_adapter

_PREFIX = "base_model.model."
_PLAIN_STARTS = ("gaussian", "eva", "orthogonal")


@dataclass(frozen=True)
class AdapterFile:
    """An adapter's `adapter_config.json` and its tensors.

    Attributes:
        folder: where it lies.
        settings: the content of `adapter_config.json`.
        factors: A (r, in) and B (out, r) by layer name, as `model.layers.0.self_attn.q_proj`.
        others: names of tensors that are no LoRA factors: magnitudes, rows of added tokens, whole modules, biases.
    """

    folder: Path
    settings: dict[str, Any]
    factors: dict[str, tuple[torch.Tensor, torch.Tensor]]
    others: tuple[str, ...]

    def scale(self, layer: str) -> float:
        """Return by what a layer's B A is multiplied: alpha / r, or alpha / sqrt(r) for rsLoRA, its own of both."""
        alpha = _by_pattern(self.settings.get("alpha_pattern"), layer, self.settings["lora_alpha"])
        rank = self.factors[layer][0].shape[0]
        return float(alpha) / (math.sqrt(rank) if self.settings.get("use_rslora") else rank)

    @property
    def changed_base(self) -> str | None:
        """Return the initialization that took the adapter's start out of the base weights; None where none did."""
        start = self.settings.get("init_lora_weights", True)
        return start if isinstance(start, str) and start.lower() not in _PLAIN_STARTS else None

    @property
    def most_rank(self) -> int:
        """Return the largest rank of a layer."""
        return max(a.shape[0] for a, _ in self.factors.values())


def _by_pattern(patterns: dict[str, Any] | None, layer: str, default: Any) -> Any:
    """Return the value of the first pattern that matches a layer's name as PEFT matches it."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", layer):
            return value
    return default


def read_adapter(folder: Path) -> AdapterFile:
    """Read an adapter's folder.

    Raises:
        YoyakError: no adapter there, a pickled one, a broken file, or another method than LoRA.
    """
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    refuse_no_adapter(folder)
    if not weights.is_file():
        raise YoyakError(f"{folder}: no adapter_model.safetensors (pickled adapters are not loaded: they can run code)")
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
        tensors = load_file(weights)
    except (OSError, ValueError, SafetensorError) as error:
        raise YoyakError(f"{folder}: the adapter is broken ({first_line(error)}); copy or train it again") from error
    if settings.get("peft_type") != "LORA":
        raise YoyakError(f"{folder}: a {settings.get('peft_type')} adapter; only LoRA is exported")
    return AdapterFile(folder, settings, *_split(folder, tensors))


def _split(
    folder: Path, tensors: dict[str, torch.Tensor]
) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], tuple[str, ...]]:
    """Split an adapter's tensors into pairs of factors and the names of all others."""
    halves: dict[str, dict[str, torch.Tensor]] = {"A": {}, "B": {}}
    others = []
    for name, tensor in tensors.items():
        match = re.fullmatch(rf"(?:{re.escape(_PREFIX)})?(.*)\.lora_([AB])\.weight", name)
        if match:
            halves[match[2]][match[1]] = tensor.float()
        else:
            others.append(name)
    alone = halves["A"].keys() ^ halves["B"].keys()
    if alone or not halves["A"]:
        what = f"{min(alone)} has one factor of two" if alone else "it holds no LoRA factors"
        raise YoyakError(f"{folder}: the adapter is broken ({what}); copy or train it again")
    return {layer: (a, halves["B"][layer]) for layer, a in halves["A"].items()}, tuple(sorted(others))


def refuse_other_base(adapter: AdapterFile, config: Any, checkpoint: str) -> None:
    """Raise YoyakError, naming both, where an adapter's layers do not have the shapes of a base model's config."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    with init_empty_weights():
        shapes = {
            name: tuple(weight.shape) for name, weight in AutoModelForCausalLM.from_config(config).named_parameters()
        }
    trained_on = adapter.settings.get("base_model_name_or_path")
    for layer, (a, b) in adapter.factors.items():
        needed, there = (b.shape[0], a.shape[1]), shapes.get(f"{layer}.weight")
        if needed != there:
            found = "has no such layer" if there is None else f"has {there[0]} x {there[1]}"
            raise YoyakError(
                f"{adapter.folder}: the adapter, trained on {trained_on}, does not fit {checkpoint}: {layer} needs "
                f"{needed[0]} x {needed[1]}, the base {found}"
            )
