"""Which models the hand-written decoder supports; see `decoder_layer`.

It asks for what the decoder computes, module by module, and not for what it is known to lack: what nobody has thought
of is an obstacle too.
"""

from collections.abc import Sequence
from typing import Any

from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper

from ..bilingual import Text
from ..descriptions import DecoderDescription
from ..kernels.requirements import kernel_obstacle
from ..models.causal_head import without_wrapper
from ..models.dequantized import CachedLinear4bit, dequantized_fits, linear4bit_layers
from ..models.lora_variants import lora_variant
from .described import LINEAR_CLASSES, check_described, describe
from .described_settings import Undescribed
from .layer_matrices import product_names, projections
from .model_layers import rotary_frequencies


def decoder_obstacle(model: Any) -> str | None:
    """Return why `decoder_layers` doesn't know a model (with or without an adapter), in words, or None."""
    causal_lm = without_wrapper(model)
    try:
        check_described(causal_lm)
        description = describe(causal_lm)
    except Undescribed as undescribed:
        return undescribed.words
    obstacle: str | None = _rotary_obstacle(causal_lm.model.rotary_emb, description)
    if obstacle is not None:
        return obstacle
    for width in {attention.width for attention in description.attentions}:
        weight = causal_lm.lm_head.weight
        obstacle = kernel_obstacle(weight.device, width, weight.dtype.itemsize)
        if obstacle is not None:
            return obstacle
    obstacle = (_adapter_obstacle(model) if isinstance(model, PeftModel) else None) or _weights_obstacle(causal_lm)
    if obstacle is not None:
        return obstacle
    too_large = Text("its weights don't fit in memory dequantized", "역양자화한 가중치가 메모리에 들어가지 않음")
    return None if _fits_dequantized(causal_lm) else too_large


def _rotary_obstacle(embedding: Any, description: DecoderDescription) -> Text | None:
    kinds = embedding.rope_type
    for kind in kinds.values() if isinstance(kinds, dict) else [kinds]:
        if kind in ("dynamic", "longrope"):
            return Text(
                "its rotary positions depend on the longest sequence of a batch",
                "회전 위치가 배치에서 가장 긴 문장에 따라 달라짐",
            )
    for attention in description.attentions:
        rotary, width = attention.rotary, attention.width
        described = width if attention.turned is None else attention.turned
        turned = 2 * rotary_frequencies(embedding, rotary) if rotary is not None else described
        if turned != described:
            return Text(f"{turned} of a head's {width} numbers are turned", f"헤드의 {width}개 중 {turned}개만 회전함")
    return None


def _adapter_obstacle(model: Any) -> str | None:
    causal_lm = model.get_base_model()
    if len(model.peft_config) > 1:
        return Text("more than one adapter", "어댑터가 둘 이상")
    name = next(iter(model.peft_config))
    in_layers = {id(m) for m in causal_lm.model.layers.modules()}
    adapted = [m for m in causal_lm.modules() if isinstance(m, BaseTunerLayer | AuxiliaryTrainingWrapper)]
    for layer in adapted:
        if id(layer) in in_layers:
            variant = lora_variant(layer, name) if isinstance(layer, LoraLayer) else _a(type(layer))
            if variant is not None:
                return variant
    tuned = [layer for layer in adapted if isinstance(layer, BaseTunerLayer)]
    if any(layer.disable_adapters or layer.merged or layer.active_adapters != [name] for layer in tuned):
        return Text("its adapter is switched off or merged", "어댑터가 꺼져 있거나 합쳐져 있음")
    if any(id(m) not in in_layers for m in adapted):
        return Text("adapters outside the layers (rows of added tokens)", "레이어 밖의 어댑터(추가한 토큰의 행)")
    return None


def _weights_obstacle(causal_lm: Any) -> str | None:
    """Return which of the layers that are computed as one product can't be: their biases or types differ."""
    for index, layer in enumerate(causal_lm.model.layers):
        for names, layers in zip(product_names(layer), projections(layer), strict=True):
            obstacle = _unlike([m.get_base_layer() if isinstance(m, LoraLayer) else m for m in layers])
            if obstacle is not None:
                which = "/".join(name.removesuffix("_proj") for name in names)
                return Text(f"{obstacle} {which} of layer {index}", f"레이어 {index}의 {which}: {obstacle.ko}")
    return None


def _a(kind: type) -> Text:
    return Text(f"a {kind.__name__}", kind.__name__)


def _unlike(bases: Sequence[Any]) -> Text | None:
    if other := next((type(base).__name__ for base in bases if type(base) not in LINEAR_CLASSES), None):
        return Text(f"a layer of kind {other} in", f"{other} 종류의 층")
    if len({base.bias is None for base in bases}) > 1:
        return Text("a bias on only some of", "일부에만 편향이 있음")
    if len({(type(base), base.weight.dtype) for base in bases}) > 1:
        return Text("weights of more than one type in", "가중치의 종류가 여럿임")
    return None


def _fits_dequantized(model: Any) -> bool:
    """Tell whether 4-bit weights on the CPU are dequantized already or can be; a GPU does it at each use."""
    layers = linear4bit_layers(model)
    if not layers or layers[0].weight.device.type != "cpu" or isinstance(layers[0], CachedLinear4bit):
        return True
    return dequantized_fits(model, layers[0].compute_dtype)
