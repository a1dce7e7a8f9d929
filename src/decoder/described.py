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

from ..architectures import DELTA_PRODUCTS, PRODUCTS
from ..bilingual import Text
from ..descriptions import (
    Activation,
    AttentionDescription,
    DecoderDescription,
    DeltaDescription,
    LayerDescription,
    NormDescription,
    QueryScale,
)
from ..kernels.chunks import MOST_KERNEL
from ..models.dequantized import CachedLinear4bit
from ..written_classes import NORMS, WRITTEN, WrittenClasses
from .described_settings import Undescribed, check_settings

LINEAR_CLASSES = (nn.Linear, bnb.nn.Linear4bit, CachedLinear4bit)
_ACTIVATIONS: dict[str, Activation] = {"SiLU": "silu", "SiLUActivation": "silu", "GELUTanh": "gelu_tanh"}


def describe(causal_lm: Any) -> DecoderDescription:
    """Return the description of a model (without an adapter's outer wrapper); `check_described` comes before.

    Raises:
        Undescribed: what the description doesn't account for.
    """
    classes = _classes_of(causal_lm)
    decoder = causal_lm.model
    _check_parts("the decoder", "디코더", decoder, {"embed_tokens", "layers", "norm", "rotary_emb"})
    layers = tuple(_layer(layer, index, causal_lm.config, classes) for index, layer in enumerate(decoder.layers))
    rows, width = decoder.embed_tokens.weight.shape
    return DecoderDescription(
        vocabulary=rows,
        width=width,
        layers=layers,
        norm=_norm(decoder.norm, classes),
        embedding_scale=_embedding_scale(decoder),
        head_scale=_head_scale(causal_lm.config, classes),
        logit_cap=causal_lm.config.final_logit_softcapping if classes.capped else None,
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
    classes = _classes_of(causal_lm)
    _check_classes(causal_lm, classes)
    check_settings(causal_lm.config, classes.reads)


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
        plain = its in (*LINEAR_CLASSES, nn.Embedding, nn.ModuleList, *((nn.Conv1d,) if classes.delta else ())) or (
            its.__name__ in _ACTIVATIONS and its.__module__.startswith(("torch.", "transformers."))
        )
        own = its.__module__ == classes.module and its.__name__ in known
        if not (plain or own) or "forward" in vars(module):
            if name.endswith(".act_fn") and "forward" not in vars(module):
                kind = its.__name__
                raise Undescribed(
                    Text(f"the activation {kind} is not written out", f"아직 지원하지 않는 활성화: {kind}")
                )
            if its.__module__ == classes.module and "forward" not in vars(module):
                kind = f"{its.__name__} ({name})"
                raise Undescribed(Text(f"{kind} is not written out", f"아직 지원하지 않는 모듈: {kind}"))
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


def _layer(layer: Any, index: int, config: Any, classes: WrittenClasses) -> LayerDescription:
    places = NORMS[classes.norms]
    delta = classes.delta and _kind(index, config) == "linear_attention"
    expected = {"linear_attn" if delta else "self_attn", "mlp", *places.values()}
    _check_parts(f"layer {index}", f"레이어 {index}", layer, expected)
    norms = {place: _norm(getattr(layer, name), classes) for place, name in places.items()}
    mlp = layer.mlp
    return LayerDescription(
        attention=_delta(layer.linear_attn, index) if delta else _attention(layer.self_attn, index, config, classes),
        inner=_base(mlp.gate_proj).out_features,
        activation=_ACTIVATIONS[type(mlp.act_fn).__name__],
        before_attention=norms.get("before_attention"),
        before_mlp=norms.get("before_mlp"),
        after_attention=norms.get("after_attention"),
        after_mlp=norms.get("after_mlp"),
        residual_scale=float(getattr(layer, "residual_multiplier", 1.0)),
        output_scale=float(getattr(layer, "layer_scalar", 1.0)),
        biases=_biased(mlp, (*PRODUCTS["gate_up"], *PRODUCTS["down"])),
    )


def _check_parts(english: str, korean: str, module: Any, expected: set[str]) -> None:
    children = {name for name, _ in module.named_children()}
    if children != expected:
        other = ", ".join(sorted(children ^ expected))
        raise Undescribed(Text(f"{english} has other parts: {other}", f"{korean}의 구성이 다름: {other}"))


def _kind(index: int, config: Any) -> str:
    """Return a layer's kind by its config; "" where that names none."""
    kinds = getattr(config, "layer_types", None)
    return "" if kinds is None else str(kinds[index])


def _attention(attention: Any, index: int, config: Any, classes: WrittenClasses) -> AttentionDescription:
    if not attention.is_causal:
        raise Undescribed(Text(f"layer {index} attends to what comes after", f"레이어 {index}: 뒤의 토큰도 봄"))
    if getattr(attention, "is_kv_shared_layer", False):
        english = f"layer {index} has keys and values of another layer"
        raise Undescribed(Text(english, f"레이어 {index}가 다른 레이어의 키와 값을 씀"))
    width = attention.head_dim
    norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
    heads = {name: _base(getattr(attention, name)).out_features // width for name in ("q_proj", "k_proj")}
    heads["q_proj"] //= 2 if classes.gated else 1
    kinds = {None if norm is None else _norm(norm, classes) for norm in norms}
    if len(kinds) > 1:
        raise Undescribed(
            Text(f"layer {index} has two kinds of norms of its heads", f"레이어 {index}: 헤드 정규화가 두 종류")
        )
    missing = "v_proj" if classes.value_norms and attention.v_proj is None else None
    return AttentionDescription(
        heads=heads["q_proj"],
        key_heads=heads["k_proj"],
        width=width,
        scale=attention.scaling,
        head_norms=kinds.pop(),
        window=_window(index, config, classes),
        rotary=_rotary(attention, index, config, classes),
        biases=_biased(attention, tuple(n for n in (*PRODUCTS["qkv"], *PRODUCTS["output"]) if n != missing)),
        query_scale=_query_scale(config.rope_parameters) if classes.scaled_queries else None,
        turned=_turned(config, width) if classes.gated else None,
        gated=classes.gated,
        value_norm=_value_norm(attention, index) if classes.value_norms else None,
        values_from_keys=missing is not None,
    )


def _value_norm(attention: Any, index: int) -> NormDescription:
    """Return the norm of values, which has no weight."""
    if attention.v_norm.with_scale:
        english = f"the norm of values in layer {index} has a weight"
        raise Undescribed(Text(english, f"레이어 {index}의 값 정규화에 가중치가 있음"))
    return NormDescription(attention.v_norm.eps)


def _turned(config: Any, width: int) -> int | None:
    """Return how many of a head's numbers the table turns, as transformers counts them; None for all."""
    turned = int(width * config.rope_parameters.get("partial_rotary_factor", 1.0))
    return None if turned == width else turned


def _delta(module: Any, index: int) -> DeltaDescription:
    convolution, norm = _base(module.conv1d), _base(module.norm)
    channels, kernel = convolution.in_channels, convolution.kernel_size[0]
    usual = (channels, (kernel - 1,), (1,), (1,), None, "zeros")
    of = convolution.groups, convolution.padding, convolution.stride, convolution.dilation
    if (*of, convolution.bias, convolution.padding_mode) != usual or kernel > MOST_KERNEL:
        raise Undescribed(
            Text(f"the convolution of layer {index} is of another kind", f"레이어 {index}의 합성곱 종류가 다름")
        )
    if {module.activation, norm.activation} - {"silu", "swish"}:
        other = module.activation
        raise Undescribed(Text(f"the activation {other} is not written out", f"아직 지원하지 않는 활성화: {other}"))
    if _biased(module, (*DELTA_PRODUCTS["qkv"], *DELTA_PRODUCTS["output"])):
        raise Undescribed(Text(f"layer {index} has biases", f"레이어 {index}에 편향이 있음"))
    return DeltaDescription(
        heads=module.num_v_heads,
        key_heads=module.num_k_heads,
        key_width=module.head_k_dim,
        width=module.head_v_dim,
        kernel=kernel,
        norm=NormDescription(norm.variance_epsilon),
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
    if _kind(index, config) not in ("full_attention", "sliding_attention"):
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
    if not getattr(norm, "with_scale", True):
        raise Undescribed(Text("one of its norms has no weight", "정규화 하나에 가중치가 없음"))
    eps = norm.variance_epsilon if hasattr(norm, "variance_epsilon") else norm.eps
    return NormDescription(eps, classes.plus_one)


def _biased(parent: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the matrices that have a bias."""
    return tuple(name for name in names if _base(getattr(parent, name)).bias is not None)


def _base(module: Any) -> Any:
    """Return what PEFT has wrapped, or the module itself."""
    if isinstance(module, BaseTunerLayer):
        return module.get_base_layer()
    return module.original_module if isinstance(module, AuxiliaryTrainingWrapper) else module
