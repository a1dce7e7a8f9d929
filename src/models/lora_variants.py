"""What an adapted layer computes beyond plain LoRA, asked of the layer itself: PEFT's list of variants grows."""

from collections.abc import Collection, Iterator
from typing import Any

from peft.tuners import lora
from peft.tuners.lora import LoraLayer
from torch import nn

from ..bilingual import Text
from ..errors import YoyakError

DORA = "DoRA"
BIASED = Text("a bias in B (lora_bias)", "B의 편향(lora_bias)")
PARAMETERS = Text("an adapter on parameters (experts)", "파라미터(전문가)의 어댑터")
EMBEDDING = Text("an adapter on an embedding", "임베딩의 어댑터")
TRANSPOSED = Text("an adapter on a transposed weight", "전치된 가중치의 어댑터")
TRAINED = (DORA, BIASED, PARAMETERS, EMBEDDING, TRANSPOSED)
"""What autograd trains right besides plain LoRA; other variants depend on what PEFT hands to layers in `forward`."""
_NAMES = {"Dora": DORA, "ALora": "aLoRA", "QALora": "QALoRA", "BdLora": Text("block-diagonal LoRA", "블록 대각 LoRA")}
_KINDS = {"ParamWrapper": PARAMETERS, "Embedding": EMBEDDING}


def lora_variant(layer: Any, adapter: str) -> str | None:
    """Return what PEFT's layer computes with an adapter, in words; None where it is `W x + b + s B A drop(x)`.

    A layer that lacks the adapter of this name is its base layer alone.
    """
    variant = layer.lora_variant.get(adapter)
    if variant is not None:
        name = type(variant).__name__.removesuffix("Variant").removesuffix("Linear")
        return _NAMES.get(name, Text(f"the variant {name}", f"변형 {name}"))
    if type(layer) not in (lora.Linear, getattr(lora, "Linear4bit", None)):  # the second with bitsandbytes only
        kind = type(layer).__name__
        return _KINDS.get(kind, Text(f"an adapter of kind {kind}", f"{kind} 종류의 어댑터"))
    if getattr(layer, "fan_in_fan_out", False):
        return TRANSPOSED
    if adapter not in layer.lora_A:
        return None
    a, b, drop = layer.lora_A[adapter], layer.lora_B[adapter], layer.lora_dropout[adapter]
    if type(a) is not nn.Linear or type(b) is not nn.Linear or a.bias is not None:
        kinds = type(a).__name__, type(b).__name__
        return Text(f"factors of kind {' and '.join(kinds)}", f"{', '.join(kinds)} 종류의 인수 행렬")
    if type(drop) not in (nn.Identity, nn.Dropout):
        return Text(f"dropout of kind {type(drop).__name__}", f"{type(drop).__name__} 종류의 드롭아웃")
    return BIASED if b.bias is not None else None


def variants_of(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the name of each adapted layer that computes more than plain LoRA, and its variant."""
    for name, layer in model.named_modules():
        if isinstance(layer, LoraLayer):
            for adapter in layer.lora_variant.keys() | layer.r.keys():
                variant = lora_variant(layer, adapter)
                if variant is not None:
                    yield name.removeprefix("base_model.model."), variant


def refuse_unknown_variants(model: nn.Module, where: str, known: Collection[str] = TRAINED) -> None:
    """Raise YoyakError where a layer's adapter is neither plain LoRA nor of a variant in `known`.

    The line begins with `where`: a file, or what is being done.
    """
    for name, variant in variants_of(model):
        if variant not in known:
            raise YoyakError(f"{where}: {variant} in {name}, which is not computed here; use a plain LoRA adapter")
