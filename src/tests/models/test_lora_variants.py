"""Variants of LoRA: named by what a layer computes, refused where nobody here computes them."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import config as peft_configs
from transformers import AutoModelForCausalLM, GPT2Config

from src.decoder.packed_decoder import packing_obstacle
from src.errors import YoyakError
from src.models.adapters import load_adapter
from src.models.lora_variants import DORA, lora_variant, refuse_unknown_variants, variants_of
from src.tests.packed_models import adapted_model

BIASES = {"attention_bias": True, "mlp_bias": True}


@pytest.mark.parametrize(
    ("settings", "variant"),
    [
        ({}, None),
        ({"use_rslora": True, "rank_pattern": {"q_proj": 2}, "lora_dropout": 0.1}, None),
        ({"use_dora": True}, "DoRA"),
        ({"lora_bias": True}, "a bias in B (lora_bias)"),
        ({"alora_invocation_tokens": [5, 6]}, "aLoRA"),
        ({"velora_config": peft_configs.VeloraConfig()}, "the variant Velora"),
        ({"kasa_config": peft_configs.KasaConfig()}, "the variant Kasa"),
        ({"target_parameters": ["mlp.up_proj.weight"], "target_modules": ["q_proj"]}, "an adapter on parameters (exp"),
    ],
)
def test_a_variant_is_named_and_keeps_the_fast_engine_away(settings: dict[str, Any], variant: str | None) -> None:
    model = adapted_model("llama", torch.float32, settings, **BIASES)
    found = {name for _, name in variants_of(model)}
    assert len(found) == (variant is not None)
    obstacle = packing_obstacle(model)
    assert obstacle is None if variant is None else obstacle in found and obstacle.startswith(variant)


def test_layers_that_are_no_plain_linear_layers_are_named() -> None:
    tables = adapted_model(
        "llama", torch.float32, {"target_modules": ["q_proj", "embed_tokens"]}, tie_word_embeddings=False
    )
    assert list(variants_of(tables)) == [("model.embed_tokens", "an adapter on an embedding")]
    gpt2 = AutoModelForCausalLM.from_config(
        GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None)
    )
    gpt2 = get_peft_model(gpt2, LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True))
    assert list(variants_of(gpt2)) == [("transformer.h.0.attn.c_attn", "an adapter on a transposed weight")]


def test_factors_that_compute_something_else_are_named() -> None:
    model = adapted_model("llama", torch.float32, {})
    layer = model.get_base_model().model.layers[1].mlp.up_proj
    assert lora_variant(layer, "default") is lora_variant(layer, "another") is None
    layer.lora_B["default"] = torch.nn.Sequential(layer.lora_B["default"])
    assert lora_variant(layer, "default") == "factors of kind Linear and Sequential"
    assert packing_obstacle(model) == "factors of kind Linear and Sequential"


def test_what_is_not_understood_is_refused_in_one_line() -> None:
    model = adapted_model("llama", torch.float32, {"lora_bias": True}, **BIASES)
    refuse_unknown_variants(model, "place")
    line = r"^place: a bias in B \(lora_bias\) in model\.layers\.0\.self_attn\.q_proj, which is not computed here"
    with pytest.raises(YoyakError, match=line):
        refuse_unknown_variants(model, "place", known=(DORA,))


@pytest.mark.parametrize("trainable", [False, True])
def test_an_alora_adapter_is_refused_when_it_is_loaded(tmp_path: Path, trainable: bool) -> None:
    adapted_model("llama", torch.float32, {"alora_invocation_tokens": [5]}).save_pretrained(tmp_path)
    base = adapted_model("llama", torch.float32, None)
    line = r": aLoRA in model\.layers\.0\.self_attn\.q_proj, which is not computed here; use a plain LoRA adapter$"
    with pytest.raises(YoyakError, match=line):
        load_adapter(base, str(tmp_path), trainable)


def test_an_adapter_with_biases_is_loaded_and_trains_by_autograd(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):  # PEFT takes a bias for an incomplete matrix
        adapted_model("llama", torch.float32, {"lora_bias": True}, **BIASES).save_pretrained(tmp_path)
    loaded = load_adapter(adapted_model("llama", torch.float32, None, **BIASES), str(tmp_path), is_trainable=True)
    assert packing_obstacle(loaded) == "a bias in B (lora_bias)"
