"""The description of a decoder as read from what transformers built, worked out by hand for each class."""

from dataclasses import replace
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from scripts.docs_decoders import END, PAGE, START, table
from src.decoder.described import describe
from src.descriptions import (
    AttentionDescription,
    DecoderDescription,
    DeltaDescription,
    LayerDescription,
    NormDescription,
    QueryScale,
)
from src.tests.tiny_architectures import architecture_config

NORM = NormDescription(1e-6)
ATTENTION = AttentionDescription(heads=4, key_heads=2, width=16, scale=0.25)
LAYER = LayerDescription(ATTENTION, inner=128, activation="silu", before_attention=NORM, before_mlp=NORM)
PLAIN = DecoderDescription(vocabulary=259, width=64, layers=(LAYER, LAYER), norm=NORM)


def built(name: str, **settings: Any) -> Any:
    return AutoModelForCausalLM.from_config(architecture_config(name, **settings))


def with_attention(layer: LayerDescription, **values: Any) -> LayerDescription:
    return replace(layer, attention=replace(layer.attention, **values))


def test_llama() -> None:
    assert describe(built("llama")) == PLAIN
    assert describe(built("llama", tie_word_embeddings=True, rms_norm_eps=1e-5, hidden_act="swish")) == replace(
        PLAIN,
        tied=True,
        norm=NormDescription(1e-5),
        layers=(replace(LAYER, before_attention=NormDescription(1e-5), before_mlp=NormDescription(1e-5)),) * 2,
    )
    biased = replace(
        with_attention(LAYER, biases=("q_proj", "k_proj", "v_proj", "o_proj")),
        biases=("gate_proj", "up_proj", "down_proj"),
    )
    assert describe(built("llama", attention_bias=True, mlp_bias=True)).layers == (biased, biased)


def test_qwen() -> None:
    assert describe(built("qwen2")).layers == (with_attention(LAYER, biases=("q_proj", "k_proj", "v_proj")),) * 2
    assert describe(built("qwen3", head_dim=32)).layers == (
        (with_attention(LAYER, width=32, scale=32**-0.5, head_norms=NORM),) * 2
    )


def test_an_adapter_changes_nothing() -> None:
    model = get_peft_model(built("qwen2"), LoraConfig(target_modules=["k_proj", "gate_proj"], task_type="CAUSAL_LM"))
    assert describe(model.get_base_model()) == describe(built("qwen2"))


def test_gemma3() -> None:
    """Norms around with 1 + weight, five windows to one layer that sees all, each kind with its own rotation."""
    norm = NormDescription(1e-6, plus_one=True)
    window = LayerDescription(
        AttentionDescription(4, 2, 16, 24**-0.5, norm, window=9, rotary="sliding_attention"),
        inner=128,
        activation="gelu_tanh",
        before_attention=norm,
        before_mlp=norm,
        after_attention=norm,
        after_mlp=norm,
    )
    whole = with_attention(window, window=None, rotary="full_attention")
    model = built("gemma3_text", num_hidden_layers=7, sliding_window=9, query_pre_attn_scalar=24)
    assert describe(model) == DecoderDescription(
        259, 64, (window,) * 5 + (whole, window), norm, embedding_scale=8.0, tied=True
    )


@pytest.mark.parametrize("name", ["gemma4_text", "gemma4_unified_text"])
def test_gemma4(name: str) -> None:
    """Heads of two widths; values with a norm, which have no matrix where a layer sees all; logits that are capped."""
    window = LayerDescription(
        AttentionDescription(4, 2, 16, 1.0, NORM, window=9, rotary="sliding_attention", value_norm=NORM),
        inner=128,
        activation="gelu_tanh",
        before_attention=NORM,
        before_mlp=NORM,
        after_attention=NORM,
        after_mlp=NORM,
    )
    sizes = {"key_heads": 1, "width": 32, "values_from_keys": True}
    whole = with_attention(window, window=None, rotary="full_attention", **sizes)
    shared = {"attention_k_eq_v": True, "num_global_key_value_heads": 1, "global_head_dim": 32}
    settings = {"num_hidden_layers": 8, "sliding_window": 9, "final_logit_softcapping": 30.0}
    model = built(name, **settings, **shared)
    model.model.layers[1].layer_scalar.fill_(0.25)
    scaled = replace(window, output_scale=0.25)
    assert describe(model) == DecoderDescription(
        259,
        64,
        (window, scaled, *[window] * 3, whole, window, whole),  # the last one sees all, whatever its place
        NORM,
        embedding_scale=8.0,
        logit_cap=30.0,
        tied=True,
    )
    own = describe(built(name, num_hidden_layers=6, global_head_dim=32)).attentions[-1]
    assert own == replace(whole.attention, key_heads=2, values_from_keys=False)


def test_a_window_of_some_layers() -> None:
    settings = {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": 9}
    layers = describe(built("qwen3", **settings)).layers
    assert [layer.attention.window for layer in layers] == [None, 9]


def test_exaone4() -> None:
    """Norms after, heads with norms, windows that are turned, and layers that see all and are not."""
    norm = NormDescription(1e-5)
    after = replace(LAYER, before_attention=None, before_mlp=None, after_attention=norm, after_mlp=norm)
    window = with_attention(after, head_norms=norm, window=9)
    layers = describe(built("exaone4", num_hidden_layers=5, sliding_window=9)).layers
    assert layers == (window,) * 3 + (with_attention(window, window=None, rotary=None), window)
    whole = built("exaone4", sliding_window=None, layer_types=["full_attention"] * 2)  # as the 1.2B
    assert describe(whole).layers == (with_attention(window, window=None),) * 2


def test_mistral() -> None:
    assert describe(built("mistral", sliding_window=None)).layers == (LAYER, LAYER)
    assert describe(built("mistral", sliding_window=9)).layers == (with_attention(LAYER, window=9),) * 2
    kinds = ["sliding_attention", "full_attention"]
    layers = describe(built("ministral", sliding_window=9, layer_types=kinds)).layers
    assert layers == (with_attention(LAYER, window=9), LAYER)


def test_ministral3() -> None:
    """Queries grow with their position: by 1 + 0.1 log 2 from 16,384 on, as its class has it by default."""
    layer = describe(built("ministral3")).layers[0]
    assert layer.attention.query_scale == QueryScale(beta=0.1, period=16_384)
    assert layer == with_attention(
        replace(LAYER, before_attention=NormDescription(1e-5), before_mlp=NormDescription(1e-5)),
        width=128,
        scale=128**-0.5,
        query_scale=QueryScale(0.1, 16_384),
    )


def test_smollm3() -> None:
    layers = describe(built("smollm3", num_hidden_layers=5)).layers
    assert layers == (LAYER,) * 3 + (with_attention(LAYER, rotary=None), LAYER)


def test_qwen3_5() -> None:
    """Three layers of the delta rule to one of attention, which is gated and turned in part."""
    norm = NormDescription(1e-6, plus_one=True)
    layer = replace(LAYER, before_attention=norm, before_mlp=norm)
    attention = with_attention(layer, width=32, scale=32**-0.5, head_norms=norm, turned=8, gated=True)
    delta = replace(layer, attention=DeltaDescription(4, 2, 16, 24, kernel=4, norm=NORM))
    found = describe(built("qwen3_5_text", head_dim=32, num_hidden_layers=5, linear_value_head_dim=24))
    assert found == replace(PLAIN, layers=(delta,) * 3 + (attention, delta), norm=norm)
    whole = {"partial_rotary_factor": 1.0, "rope_type": "default", "rope_theta": 1e4}
    assert describe(built("qwen3_5_text", rope_parameters=whole)).attentions[0].turned is None


def test_multipliers() -> None:
    settings = {"embedding_multiplier": 3.0, "residual_multiplier": 0.4, "attention_multiplier": 0.2}
    layer = with_attention(replace(LAYER, residual_scale=0.4), scale=0.2)
    granite = describe(built("granite", **settings, logits_scaling=4.0))
    assert granite == replace(PLAIN, layers=(layer, layer), embedding_scale=3.0, head_scale=0.25)
    clova = describe(built("hyperclovax", **settings, logits_scaling=4.0, head_dim=16))
    around = replace(layer, after_attention=NORM, after_mlp=NORM)
    assert clova == replace(PLAIN, layers=(around, around), embedding_scale=3.0, head_scale=4.0)


def test_the_table_in_the_docs_is_that_of_the_descriptions() -> None:
    assert f"{START}\n{table()}\n{END}" in PAGE.read_text(encoding="utf-8")
