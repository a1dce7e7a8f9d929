"""Which models the hand-written decoder supports; see `decoder_layer`.

It asks for what the decoder computes, module by module, and not for what it is known to lack: what nobody has thought
of is an obstacle too.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import bitsandbytes as bnb
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from torch import nn

from ..architectures import ARCHITECTURES, PRODUCTS
from ..bilingual import Text
from ..kernels.requirements import kernel_obstacle
from ..models.dequantized import CachedLinear4bit, dequantized_fits, linear4bit_layers
from ..models.lora_variants import lora_variant
from .decoder_layer import projections
from .model_layers import head_width

_LINEARS = (nn.Linear, bnb.nn.Linear4bit, CachedLinear4bit)


def decoder_obstacle(model: Any) -> str | None:
    """Return why `decoder_layers` doesn't know a model (with or without an adapter), in words, or None."""
    causal_lm = model.get_base_model() if isinstance(model, PeftModel) else model
    config = causal_lm.config
    if config.model_type not in ARCHITECTURES:
        kind, known = config.model_type, ", ".join(ARCHITECTURES)
        return Text(f"the model is of type {kind}, not {known}", f"모델 종류가 {kind}(지원: {known})")
    if config.hidden_act != "silu" or getattr(config, "use_sliding_window", False) or not _attends_to_all(config):
        return Text("its activation or attention is of another kind", "활성화 함수나 어텐션의 종류가 다름")
    obstacle = _class_obstacle(causal_lm)
    if obstacle is not None:
        return obstacle
    if causal_lm.model.rotary_emb.rope_type in ("dynamic", "longrope"):
        return Text(
            "its rotary positions depend on the longest sequence of a batch",
            "회전 위치가 배치에서 가장 긴 문장에 따라 달라짐",
        )
    obstacle = kernel_obstacle(causal_lm.lm_head.weight.device, head_width(config))
    if obstacle is not None:
        return obstacle
    obstacle = (_adapter_obstacle(model) if isinstance(model, PeftModel) else None) or _weights_obstacle(causal_lm)
    if obstacle is not None:
        return obstacle
    too_large = Text("its weights don't fit in memory dequantized", "역양자화한 가중치가 메모리에 들어가지 않음")
    return None if _fits_dequantized(causal_lm) else too_large


def _attends_to_all(config: Any) -> bool:
    return set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}


def _class_obstacle(causal_lm: Any) -> str | None:
    """Return which module is not of the classes that are written out: transformers' own for the model's type."""
    own = f"transformers.models.{causal_lm.config.model_type}.modeling_{causal_lm.config.model_type}"
    if type(causal_lm).__module__ != own or not type(causal_lm).__name__.endswith("ForCausalLM"):
        kind = type(causal_lm).__name__
        return Text(f"{kind} is not transformers' own class", f"transformers의 클래스가 아님: {kind}")
    for name, module in (*_walk("model", causal_lm.model), *_walk("lm_head", causal_lm.lm_head)):
        its = type(module)
        plain = its in (*_LINEARS, nn.Embedding, nn.ModuleList, nn.SiLU) or its.__name__ == "SiLUActivation"
        if not (plain or its.__module__ == own) or "forward" in vars(module):
            english = f"{name} is not as transformers' own class has it"
            return Text(english, f"transformers의 클래스와 다른 모듈: {name}")
    head = causal_lm.lm_head
    if type(head) is not nn.Linear and not isinstance(head, BaseTunerLayer | AuxiliaryTrainingWrapper):
        return Text("its head is of another kind", "출력층의 종류가 다름")
    return Text("its head has a bias", "출력층에 편향이 있음") if getattr(head, "bias", None) is not None else None


def _walk(name: str, module: Any) -> Iterator[tuple[str, Any]]:
    """Yield modules by name; what PEFT has wrapped is left to `_adapter_obstacle`."""
    if isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper):
        return
    yield name, module
    for child, inner in module.named_children():
        yield from _walk(f"{name}.{child}", inner)


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
        for names, layers in zip(PRODUCTS.values(), projections(layer), strict=True):
            obstacle = _unlike([m.get_base_layer() if isinstance(m, LoraLayer) else m for m in layers])
            if obstacle is not None:
                which = "/".join(name.removesuffix("_proj") for name in names)
                return Text(f"{obstacle} {which} of layer {index}", f"레이어 {index}의 {which}: {obstacle.ko}")
    return None


def _a(kind: type) -> Text:
    return Text(f"a {kind.__name__}", kind.__name__)


def _unlike(bases: Sequence[Any]) -> Text | None:
    if other := next((type(base).__name__ for base in bases if type(base) not in _LINEARS), None):
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
