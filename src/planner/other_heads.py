"""Heads of the layers that see all, where they are of other sizes than those of the layers with windows (Gemma 4)."""

from dataclasses import dataclass
from typing import Any

from ..errors import YoyakError

_USUAL_WIDTH = 512  # of transformers' `global_head_dim`
_UNPLANNED = ("hidden_size_per_layer_input", "num_kv_shared_layers", "enable_moe_block")


@dataclass(frozen=True)
class OtherHeads:
    """How many layers see all, their numbers of key heads, and whether values have a matrix of their own."""

    layers: int
    key_heads: int
    head_width: int
    values: bool


def other_heads_of(config: dict[str, Any], where: str) -> OtherHeads:
    """Return the sizes by a `config.json`: as published, or as transformers writes it, with sizes by layer.

    Raises:
        YoyakError: what can't be planned: embeddings by layer, keys and values of other layers, experts, or layers of
            more sizes.
    """
    for name in _UNPLANNED:
        if config.get(name):
            raise YoyakError(f"{where}: models of type {config['model_type']} with {name} can't be planned")
    kinds = config.get("layer_types") or _usual_kinds(int(config["num_hidden_layers"]))
    kinds = [*kinds[:-1], "full_attention"]  # whatever it says of the last layer, as transformers has it
    whole = [index for index, kind in enumerate(kinds) if kind == "full_attention"]
    shares = bool(config.get("attention_k_eq_v"))
    published = {"head_dim": config.get("global_head_dim", _USUAL_WIDTH)}
    if shares and config.get("num_global_key_value_heads"):
        published["num_key_value_heads"] = config["num_global_key_value_heads"]
    written = config.get("per_layer_config")
    by_layer = dict.fromkeys(whole, published) if written is None else {int(i): of for i, of in written.items()}
    first = by_layer.get(whole[0], {}) if whole else {}
    if any(by_layer.get(index, {}) != (first if index in whole else {}) for index in range(len(kinds))):
        raise YoyakError(f"{where}: models of type {config['model_type']} with layers of more sizes can't be planned")
    return OtherHeads(
        layers=len(whole),
        key_heads=int(first.get("num_key_value_heads", config["num_key_value_heads"])),
        head_width=int(first.get("head_dim", config["head_dim"])),
        values=not shares,
    )


def _usual_kinds(layers: int) -> list[str]:
    return ["full_attention" if index % 6 == 0 else "sliding_attention" for index in range(1, layers + 1)]
