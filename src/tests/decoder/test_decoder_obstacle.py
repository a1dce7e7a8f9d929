"""What keeps the decoder that is written out away: all that is not transformers' own class, weight for weight."""

import copy
import re
from typing import Any

import bitsandbytes as bnb
import pytest
import torch
from torch import nn
from transformers.models.llama.modeling_llama import LlamaForCausalLM, LlamaMLP

from src.bilingual import korean
from src.decoder.decoder_obstacle import decoder_obstacle
from src.tests.packed_models import WRITTEN_OUT, adapted_model


class _OwnLlamaForCausalLM(LlamaForCausalLM):
    """As a checkpoint's own code defines it, with `model_type: llama`."""


def own_class(model: Any) -> None:
    model.__class__ = _OwnLlamaForCausalLM


def own_layer(model: Any) -> None:
    class OwnMLP(LlamaMLP):
        pass

    model.model.layers[1].mlp.__class__ = OwnMLP


def own_activation(model: Any) -> None:
    model.model.layers[1].mlp.act_fn = nn.GELU()


def own_forward(model: Any) -> None:
    norm = model.model.layers[0].input_layernorm
    norm.forward = type(norm).forward.__get__(norm)


def bias_on_k(model: Any) -> None:
    layer = model.model.layers[1].self_attn
    layer.k_proj.bias = nn.Parameter(torch.zeros(layer.k_proj.out_features))


def four_bit_v(model: Any) -> None:
    attention = model.model.layers[1].self_attn
    attention.v_proj = bnb.nn.Linear4bit(32, attention.v_proj.out_features, bias=False)


def half_up(model: Any) -> None:
    model.model.layers[0].mlp.up_proj.bfloat16()


def four_bit_head(model: Any) -> None:
    model.lm_head = bnb.nn.Linear4bit(32, 96, bias=False)


def biased_head(model: Any) -> None:
    model.lm_head.bias = nn.Parameter(torch.zeros(96))


def another_kind(model: Any) -> None:
    model.config.layer_types = ["full_attention", "chunked_attention"]


def not_causal(model: Any) -> None:
    model.model.layers[1].self_attn.is_causal = False


def another_part(model: Any) -> None:
    model.model.layers[0].extra_norm = nn.ModuleList()


def delta_kernel(model: Any) -> None:
    model.model.layers[0].linear_attn.conv1d.dilation = (2,)


def delta_activation(model: Any) -> None:
    model.model.layers[0].linear_attn.activation = "gelu"


def delta_bias(model: Any) -> None:
    model.model.layers[0].linear_attn.out_proj.bias = nn.Parameter(torch.zeros(32))


def attention_for_delta(model: Any) -> None:
    model.config.layer_types = ["full_attention", "full_attention"]


def turned_otherwise(model: Any) -> None:
    model.config.rope_parameters["partial_rotary_factor"] = 0.5  # but the table was made for a quarter


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (delta_kernel, "the convolution of layer 0 is of another kind"),
        (delta_activation, "the activation gelu is not written out"),
        (delta_bias, "layer 0 has biases"),
        (attention_for_delta, "layer 0 has other parts: linear_attn, self_attn"),
        (turned_otherwise, "4 of a head's 16 numbers are turned"),
    ],
)
def test_what_is_not_as_a_hybrid_has_it(change: Any, words: str) -> None:
    model = adapted_model("qwen3_5_text", torch.float32, None, **WRITTEN_OUT["qwen3_5_text"])
    assert decoder_obstacle(model) is None
    change(model)
    found = decoder_obstacle(model)
    assert found == words
    assert re.search("[가-힣]", korean(found))


@pytest.mark.filterwarnings("ignore:LoRA adapter added to ConvNd layer")
def test_an_adapter_on_the_short_convolution() -> None:
    lora, config = {"r": 80, "target_modules": ["q_proj", "conv1d"]}, WRITTEN_OUT["qwen3_5_text"]
    model = adapted_model("qwen3_5_text", torch.float32, lora, **config)
    assert decoder_obstacle(model) == "an adapter of kind Conv1d"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (own_class, "_OwnLlamaForCausalLM is not transformers' own class"),
        (own_layer, "model.layers.1.mlp is not as transformers' own class has it"),
        (own_activation, "the activation GELU is not written out"),
        (own_forward, "model.layers.0.input_layernorm is not as transformers' own class has it"),
        (bias_on_k, "a bias on only some of q/k/v of layer 1"),
        (four_bit_v, "weights of more than one type in q/k/v of layer 1"),
        (half_up, "weights of more than one type in gate/up of layer 0"),
        (four_bit_head, "its head is of another kind"),
        (biased_head, "its head has a bias"),
        (another_kind, "layer 1 is of kind chunked_attention"),
        (not_causal, "layer 1 attends to what comes after"),
        (another_part, "layer 0 has other parts: extra_norm"),
    ],
)
@pytest.mark.parametrize("adapted", [False, True], ids=["whole", "adapted"])
def test_what_is_not_as_the_class_has_it(change: Any, words: str, adapted: bool) -> None:
    model = copy.deepcopy(adapted_model("llama", torch.float32, None))
    assert decoder_obstacle(model) is None
    change(model)
    if adapted:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    found = decoder_obstacle(model)
    assert found == words
    assert re.search("[가-힣]", korean(found))  # it is shown on a run's page
