"""What an adapted layer computes beyond plain LoRA, asked of the layer itself: PEFT's list of variants grows."""

from collections.abc import Collection, Iterator
from typing import Any

from peft.tuners import lora
from peft.tuners.lora import LoraLayer
from torch import nn

from ..errors import YoyakError

DORA = "DoRA"
BIASED = "a bias in B (lora_bias)"
PARAMETERS = "an adapter on parameters (experts)"
EMBEDDING = "an adapter on an embedding"
TRANSPOSED = "an adapter on a transposed weight"
TRAINED = (DORA, BIASED, PARAMETERS, EMBEDDING, TRANSPOSED)
"""What autograd trains right besides plain LoRA; other variants depend on what PEFT hands to layers in `forward`."""
_NAMES = {"Dora": DORA, "ALora": "aLoRA", "QALora": "QALoRA", "BdLora": "block-diagonal LoRA"}
_KINDS = {"ParamWrapper": PARAMETERS, "Embedding": EMBEDDING}


def lora_variant(layer: Any, adapter: str) -> str | None:
    """Return what a layer computes with an adapter, in words; None where it is `W x + b + s B A drop(x)`.

    Args:
        layer: PEFT's layer.
        adapter: the adapter's name, which the layer may lack: then it is its base layer alone.
    """
    variant = layer.lora_variant.get(adapter)
    if variant is not None:
        name = type(variant).__name__.removesuffix("Variant").removesuffix("Linear")
        return _NAMES.get(name, f"the variant {name}")
    if not _is_linear(layer):
        return _KINDS.get(type(layer).__name__, f"an adapter of kind {type(layer).__name__}")
    if getattr(layer, "fan_in_fan_out", False):
        return TRANSPOSED
    if adapter not in layer.lora_A:
        return None
    a, b, drop = layer.lora_A[adapter], layer.lora_B[adapter], layer.lora_dropout[adapter]
    if type(a) is not nn.Linear or type(b) is not nn.Linear or a.bias is not None:
        return f"factors of kind {type(a).__name__} and {type(b).__name__}"
    if type(drop) not in (nn.Identity, nn.Dropout):
        return f"dropout of kind {type(drop).__name__}"
    return BIASED if b.bias is not None else None


def _is_linear(layer: Any) -> bool:
    kinds: tuple[Any, ...] = (lora.Linear, getattr(lora, "Linear4bit", None))  # the second one with bitsandbytes only
    return type(layer) in kinds


def variants_of(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the name of each adapted layer that computes more than plain LoRA, and its variant."""
    for name, layer in model.named_modules():
        if isinstance(layer, LoraLayer):
            for adapter in layer.lora_variant.keys() | layer.r.keys():
                variant = lora_variant(layer, adapter)
                if variant is not None:
                    yield name.removeprefix("base_model.model."), variant


def refuse_unknown_variants(model: nn.Module, where: str, known: Collection[str] = TRAINED) -> None:
    """Raise YoyakError where a layer's adapter is of a variant other than `known`.

    Args:
        model: with adapters.
        where: what the line begins with: a file, or what is being done.
        known: variants that the caller knows besides plain LoRA.
    """
    for name, variant in variants_of(model):
        if variant not in known:
            raise YoyakError(f"{where}: {variant} in {name}, which is not computed here; use a plain LoRA adapter")
