"""What llama.cpp computes by the name of an architecture, and which settings of it a GGUF file can hold.

llama.cpp goes by that name: what its code has fixed (which layers have windows, which are not turned, how scores are
scaled) no key of the file can say otherwise. So a model is written only where all that its description says is what
llama.cpp computes. Names, keys and tensors are those of the `gguf` package; what the code has fixed is said after
llama.cpp's `src/models/` (b11549), which the tests compare logits with.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from ..architectures import LINEARS, PRODUCTS
from ..descriptions import DecoderDescription, LayerDescription

_ROUNDING = 2**-8  # transformers rounds Gemma's factor of the embeddings to their type
_SCALED_ROPES = ("default", "linear", "yarn")
_ALL_ROPES = (*_SCALED_ROPES, "llama3")


@dataclass(frozen=True)
class GGUFArchitecture:
    """An architecture of llama.cpp.

    Attributes:
        name: llama.cpp's.
        rotary_pairs: whether the rows of queries and keys that rotate together are kept side by side.
        ropes: the kinds of rotary scaling that it computes.
        head_norms: whether each head of queries and keys has a norm.
        before, after: whether norms stand before attention and MLP, and after them.
        activation: of the MLP's gate.
        biases: the matrices that may have one.
        scales: whether factors of scores, embeddings, residuals and logits are in the file; else they are fixed.
        embedding_scale: the factor of the embeddings by their width, where it is fixed.
        window_period: of so many layers the last sees all and the others see a window; 0 where all see all.
        layers_with_windows: how many layers a model must have for its windows to be seen; None for any number.
        scaled_queries: whether queries are multiplied by a factor of their position, which is in the file.
        turned_period: of so many layers the last is not turned; 0 where all are.
    """

    name: str
    rotary_pairs: bool = False
    ropes: tuple[str, ...] = _SCALED_ROPES
    head_norms: bool = False
    before: bool = True
    after: bool = False
    activation: str = "silu"
    biases: tuple[str, ...] = ()
    scales: bool = False
    embedding_scale: Callable[[int], float] = lambda width: 1.0
    window_period: int = 0
    layers_with_windows: int | None = None
    scaled_queries: bool = False
    turned_period: int = 0


_LLAMA = GGUFArchitecture("llama", rotary_pairs=True, ropes=_ALL_ROPES, biases=LINEARS)
GGUF_ARCHITECTURES = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": GGUFArchitecture("qwen2", biases=PRODUCTS["qkv"]),
    "qwen3": GGUFArchitecture("qwen3", head_norms=True),
    "gemma3_text": GGUFArchitecture(
        "gemma3",
        ropes=("default", "linear"),
        head_norms=True,
        after=True,
        activation="gelu_tanh",
        embedding_scale=math.sqrt,
        window_period=6,
    ),
    "exaone4": GGUFArchitecture(
        "exaone4",
        ropes=_ALL_ROPES,
        head_norms=True,
        before=False,
        after=True,
        window_period=4,
        layers_with_windows=64,
    ),
    "smollm3": GGUFArchitecture("smollm3", rotary_pairs=True, turned_period=4),
    "granite": replace(_LLAMA, name="granite", scales=True),
    "ministral3": replace(_LLAMA, name="mistral3", ropes=("yarn",), scaled_queries=True),
}
"""By the `model_type` of transformers."""


def uncomputed(its: GGUFArchitecture, described: DecoderDescription) -> str | None:
    """Return, in words, what of a model llama.cpp would compute otherwise; None where it computes all of it."""
    computed = _computed(its, described)
    for index, (layer, expected) in enumerate(zip(described.layers, computed.layers, strict=True)):
        name = _different(layer, expected)
        if name:
            return f"{_WORDS.get(name, name.replace('_', ' '))} as in layer {index}"
    name = _different(replace(described, layers=()), replace(computed, layers=()))
    return f"this {name.replace('_', ' ')}" if name else None


_WORDS = {
    **dict.fromkeys(("heads", "key_heads", "width", "inner"), "layers of several sizes"),
    "window": "attention in a sliding window",
    "rotary": "rotary positions",
    "scale": "scores scaled",
    "eps": "a norm's epsilon",
}


def _computed(its: GGUFArchitecture, described: DecoderDescription) -> DecoderDescription:
    """Return what llama.cpp computes of a model that has the described one's sizes."""
    layers = tuple(_computed_layer(its, described, index) for index in range(len(described.layers)))
    fixed = described if its.scales else replace(described, embedding_scale=its.embedding_scale(described.width))
    head_scale = described.head_scale if its.scales else 1.0
    return replace(fixed, layers=layers, head_scale=head_scale, logit_cap=None)


def _computed_layer(its: GGUFArchitecture, described: DecoderDescription, index: int) -> LayerDescription:
    first, own, norm = described.layers[0], described.layers[index], described.norm
    one, its_own = described.attentions[0], described.attentions[index]
    windows = its.window_period and its.layers_with_windows in (None, len(described.layers))
    sees_window = bool(windows) and (index + 1) % its.window_period != 0
    window = next((attention.window for attention in described.attentions if attention.window), -1)
    rotary: str | None = ""
    if its.turned_period and (index + 1) % its.turned_period == 0:
        rotary = None
    elif its.layers_with_windows and windows:
        rotary = "" if sees_window else None
    elif its.name == "gemma3":
        rotary = "sliding_attention" if sees_window else "full_attention"
    width = one.width
    usual_scale = width**-0.5
    if its.name == "gemma3" and len(described.layers) == 62:  # the 27B model, by its number of layers
        usual_scale = (described.width / one.heads) ** -0.5
    attention = replace(
        one,
        scale=one.scale if its.scales else usual_scale,
        head_norms=norm if its.head_norms else None,
        window=window if sees_window else None,
        rotary=rotary,
        query_scale=one.query_scale if its.scaled_queries else None,
        biases=tuple(name for name in its_own.biases if name in its.biases),
        value_norm=None,
        values_from_keys=False,
    )
    return replace(
        first,
        attention=attention,
        activation=its.activation,  # type: ignore[arg-type]
        before_attention=norm if its.before else None,
        before_mlp=norm if its.before else None,
        after_attention=norm if its.after else None,
        after_mlp=norm if its.after else None,
        residual_scale=first.residual_scale if its.scales else 1.0,
        output_scale=1.0,
        biases=tuple(name for name in own.biases if name in its.biases),
    )


def _different(one: Any, other: Any) -> str | None:
    """Return the name of the first field in which two descriptions differ."""
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if is_dataclass(mine) and is_dataclass(theirs):
            within = _different(mine, theirs)
            if within:
                return within
        elif isinstance(mine, float) and isinstance(theirs, float):
            if not math.isclose(mine, theirs, rel_tol=_ROUNDING if field.name == "embedding_scale" else 1e-9):
                return field.name
        elif mine != theirs:
            return field.name
    return None
