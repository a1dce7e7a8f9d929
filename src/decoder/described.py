"""The description of a model's decoder, read layer by layer from the modules that transformers built.

It asks for what can be described, module by module and setting by setting, and not for what is known to be missing:
what nobody has thought of is an obstacle too, with its name.
"""

from collections.abc import Iterator
from typing import Any

import bitsandbytes as bnb
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from torch import nn
from transformers import PreTrainedConfig

from ..architectures import NORMS, PRODUCTS, WRITTEN, WrittenClasses
from ..bilingual import Text
from ..descriptions import (
    Activation,
    AttentionDescription,
    DecoderDescription,
    LayerDescription,
    NormDescription,
    QueryScale,
)
from ..models.dequantized import CachedLinear4bit

LINEAR_CLASSES = (nn.Linear, bnb.nn.Linear4bit, CachedLinear4bit)
_ACTIVATIONS: dict[str, Activation] = {"SiLU": "silu", "SiLUActivation": "silu", "GELUTanh": "gelu_tanh"}
_READ = frozenset(
    {
        "attention_bias",
        "attention_multiplier",
        "embedding_multiplier",
        "head_dim",
        "hidden_act",
        "hidden_activation",
        "hidden_size",
        "intermediate_size",
        "layer_types",
        "logits_scaling",
        "mlp_bias",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "query_pre_attn_scalar",
        "residual_multiplier",
        "rms_norm_eps",
        "rope_parameters",
        "sliding_window",
        "tie_word_embeddings",
        "vocab_size",
    }
)
"""Settings that show in the modules, or that are read here."""
_OF_OTHERS = frozenset(
    {
        "_sliding_window_pattern",  # see `max_window_layers`
        "attention_dropout",  # an obstacle to training alone, which asks for it
        "bos_token_id",
        "eos_token_id",
        "initializer_range",
        "max_position_embeddings",
        "max_window_layers",  # of which `layer_types` were made
        "no_rope_layer_interval",  # of which each layer's `use_rope` was made
        "no_rope_layers",
        "pad_token_id",
        "pretraining_tp",  # without effect since transformers 4.48
        "sliding_window_pattern",  # see `max_window_layers`
        "use_cache",
        "use_sliding_window",  # see `max_window_layers`
    }
)
"""Settings that no layer's values depend on."""


class Undescribed(Exception):
    """What stands against a description, in words."""

    def __init__(self, words: Text) -> None:
        super().__init__(words)
        self.words = words


def describe(causal_lm: Any) -> DecoderDescription:
    """Return the description of a model (without an adapter's outer wrapper); `check_described` comes before.

    Raises:
        Undescribed: what the description doesn't account for.
    """
    classes = _classes_of(causal_lm)
    decoder = causal_lm.model
    layers = tuple(_layer(layer, index, causal_lm.config, classes) for index, layer in enumerate(decoder.layers))
    rows, width = decoder.embed_tokens.weight.shape
    return DecoderDescription(
        vocabulary=rows,
        width=width,
        layers=layers,
        norm=_norm(decoder.norm, classes),
        embedding_scale=_embedding_scale(decoder),
        head_scale=_head_scale(causal_lm.config, classes),
        tied=causal_lm.lm_head.weight is decoder.embed_tokens.weight,
    )


def _embedding_scale(decoder: Any) -> float:
    """Return the embeddings' factor: one of their own class is rounded to their type, the decoder's is not."""
    own = getattr(decoder.embed_tokens, "embed_scale", None)
    scale = 1.0 if own is None else float(own.to(decoder.embed_tokens.weight.dtype))
    return scale * float(getattr(decoder, "embedding_multiplier", 1.0))


def _head_scale(config: Any, classes: WrittenClasses) -> float:
    if classes.logits == "bare":
        return 1.0
    return float(config.logits_scaling if classes.logits == "times" else 1 / config.logits_scaling)


def check_described(causal_lm: Any) -> None:
    """Raise Undescribed for a module's class or a setting that `describe` doesn't account for."""
    _check_classes(causal_lm, _classes_of(causal_lm))
    _check_settings(causal_lm.config)


def _classes_of(causal_lm: Any) -> WrittenClasses:
    its = type(causal_lm)
    classes = WRITTEN.get(f"{its.__module__}.{its.__name__}")
    if classes is not None:
        return classes
    kind, known = causal_lm.config.model_type, [classes.model_type for classes in WRITTEN.values()]
    if kind in known:
        raise Undescribed(
            Text(f"{its.__name__} is not transformers' own class", f"transformers의 클래스가 아님: {its.__name__}")
        )
    names = ", ".join(known)
    raise Undescribed(Text(f"the model is of type {kind}, not {names}", f"모델 종류가 {kind}(지원: {names})"))


def _check_classes(causal_lm: Any, classes: WrittenClasses) -> None:
    """Raise for a module that is of another class than those that are written out, or has a `forward` of its own."""
    known = set(classes.names.values())
    for name, module in (*_walk("model", causal_lm.model), *_walk("lm_head", causal_lm.lm_head)):
        its = type(module)
        plain = its in (*LINEAR_CLASSES, nn.Embedding, nn.ModuleList) or (
            its.__name__ in _ACTIVATIONS and its.__module__.startswith(("torch.", "transformers."))
        )
        own = its.__module__ == classes.module and its.__name__ in known
        if not (plain or own) or "forward" in vars(module):
            if name.endswith(".act_fn") and "forward" not in vars(module):
                kind = its.__name__
                raise Undescribed(
                    Text(f"the activation {kind} is not written out", f"아직 지원하지 않는 활성화: {kind}")
                )
            english = f"{name} is not as transformers' own class has it"
            raise Undescribed(Text(english, f"transformers의 클래스와 다른 모듈: {name}"))
    head = causal_lm.lm_head
    if type(head) is not nn.Linear and not isinstance(head, BaseTunerLayer | AuxiliaryTrainingWrapper):
        raise Undescribed(Text("its head is of another kind", "출력층의 종류가 다름"))
    if getattr(head, "bias", None) is not None:
        raise Undescribed(Text("its head has a bias", "출력층에 편향이 있음"))


def _walk(name: str, module: Any) -> Iterator[tuple[str, Any]]:
    """Yield modules by name; what PEFT has wrapped is left to `decoder_obstacle`."""
    if isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper):
        return
    yield name, module
    for child, inner in module.named_children():
        yield from _walk(f"{name}.{child}", inner)


def _check_settings(config: Any) -> None:
    """Raise for a setting of the config's own class that is neither read nor as it is by default.

    A setting that its class doesn't have is read by no code of transformers.
    """
    usual, values = type(config)().to_dict(), config.to_dict()
    for name in usual.keys() - PreTrainedConfig().to_dict().keys() - _READ - _OF_OTHERS:
        if values.get(name) != usual[name]:
            words = f"{name} = {values.get(name)} in its config"
            raise Undescribed(Text(f"{words} is not written out", f"아직 지원하지 않는 설정: {words}"))


def _layer(layer: Any, index: int, config: Any, classes: WrittenClasses) -> LayerDescription:
    places = NORMS[classes.norms]
    children = {name for name, _ in layer.named_children()}
    if children != {"self_attn", "mlp", *places.values()}:
        other = ", ".join(sorted(children ^ {"self_attn", "mlp", *places.values()}))
        raise Undescribed(Text(f"layer {index} has other parts: {other}", f"레이어 {index}의 구성이 다름: {other}"))
    norms = {place: _norm(getattr(layer, name), classes) for place, name in places.items()}
    mlp = layer.mlp
    return LayerDescription(
        attention=_attention(layer.self_attn, index, config, classes),
        inner=_base(mlp.gate_proj).out_features,
        activation=_ACTIVATIONS[type(mlp.act_fn).__name__],
        before_attention=norms.get("before_attention"),
        before_mlp=norms.get("before_mlp"),
        after_attention=norms.get("after_attention"),
        after_mlp=norms.get("after_mlp"),
        residual_scale=float(getattr(layer, "residual_multiplier", 1.0)),
        biases=_biased(mlp, (*PRODUCTS["gate_up"], *PRODUCTS["down"])),
    )


def _attention(attention: Any, index: int, config: Any, classes: WrittenClasses) -> AttentionDescription:
    if not attention.is_causal:
        raise Undescribed(Text(f"layer {index} attends to what comes after", f"레이어 {index}: 뒤의 토큰도 봄"))
    width = attention.head_dim
    norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
    heads = {name: _base(getattr(attention, name)).out_features // width for name in ("q_proj", "k_proj")}
    kinds = {None if norm is None else _norm(norm, classes) for norm in norms}
    if len(kinds) > 1:
        raise Undescribed(
            Text(f"layer {index} has two kinds of norms of its heads", f"레이어 {index}: 헤드 정규화가 두 종류")
        )
    return AttentionDescription(
        heads=heads["q_proj"],
        key_heads=heads["k_proj"],
        width=width,
        scale=attention.scaling,
        head_norms=kinds.pop(),
        window=_window(index, config, classes),
        rotary=_rotary(attention, index, config, classes),
        biases=_biased(attention, (*PRODUCTS["qkv"], *PRODUCTS["output"])),
        query_scale=_query_scale(config.rope_parameters) if classes.scaled_queries else None,
    )


def _query_scale(rope: dict[str, Any]) -> QueryScale:
    beta, period = (rope.get(name) for name in ("llama_4_scaling_beta", "original_max_position_embeddings"))
    if beta is None or period is None:
        raise Undescribed(Text("its queries' scale by position is not in its config", "설정에 위치별 쿼리 배율이 없음"))
    return QueryScale(float(beta), int(period))


def _window(index: int, config: Any, classes: WrittenClasses) -> int | None:
    """Return how many positions a layer's mask lets a token see, its own counted."""
    kinds = getattr(config, "layer_types", None)
    if classes.windows == "config" or kinds is None:
        window: int | None = getattr(config, "sliding_window", None) if classes.windows == "config" else None
        return window
    if kinds[index] not in ("full_attention", "sliding_attention"):
        raise Undescribed(Text(f"layer {index} is of kind {kinds[index]}", f"레이어 {index}의 종류: {kinds[index]}"))
    return config.sliding_window if kinds[index] == "sliding_attention" else None


def _rotary(attention: Any, index: int, config: Any, classes: WrittenClasses) -> str | None:
    """Return the table that turns a layer, "" where there is one, or None."""
    if classes.rotary == "kinds":
        return str(config.layer_types[index])
    if classes.rotary == "flags":
        return "" if attention.use_rope else None
    windowed = classes.rotary == "windows" and attention.sliding_window is not None
    return None if windowed and not attention.is_sliding else ""


def norm_modules(causal_lm: Any, layer: Any) -> dict[str, Any]:
    """Return the norms of a layer of a model by where they stand."""
    return {place: getattr(layer, name) for place, name in NORMS[_classes_of(causal_lm).norms].items()}


def _norm(norm: Any, classes: WrittenClasses) -> NormDescription:
    norm = _base(norm)
    return NormDescription(norm.eps if classes.plus_one else norm.variance_epsilon, classes.plus_one)


def _biased(parent: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the matrices that have a bias."""
    return tuple(name for name in names if _base(getattr(parent, name)).bias is not None)


def _base(module: Any) -> Any:
    """Return what PEFT has wrapped, or the module itself."""
    if isinstance(module, BaseTunerLayer):
        return module.get_base_layer()
    return module.original_module if isinstance(module, AuxiliaryTrainingWrapper) else module
