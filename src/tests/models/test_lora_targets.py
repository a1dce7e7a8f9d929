"""Adapters on stacked experts, and classes that want another attention or hide their decoder."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma2PreTrainedModel

from src.errors import YoyakError
from src.tests.tiny_architectures import write_architecture
from src.tests.tiny_models import load_tiny, logits, reloaded, tiny_config, train_tiny
from src.training.loss import response_loss

DROPOUT = "lora.dropout = 0.05 becomes 0: it can't be had on stacked experts (gate_proj, up_proj, down_proj)"


@pytest.mark.parametrize("name", ["qwen3_moe", "qwen3_next", "olmoe", "ernie4_5_moe"])
def test_default_dropout_is_left_out_on_stacked_experts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    config = tiny_config(write_architecture(tmp_path / "base", name), tmp_path, lora__dropout=0.05)
    with caplog.at_level(logging.WARNING, "yoyak"):
        model, tokenizer = load_tiny(config)
    assert DROPOUT in caplog.messages
    before = {name: p.detach().clone() for name, p in model.named_parameters() if "experts" in name and "lora_" in name}
    trained = train_tiny(config, model, tokenizer)
    after = dict(model.named_parameters())
    assert sum(not torch.equal(value, after[name]) for name, value in before.items()) >= len(before) // 2 > 0
    assert torch.allclose(logits(reloaded(config, trained)), logits(model), atol=1e-5)


def error_of(folder: str, **settings: Any) -> str:
    with pytest.raises(YoyakError) as caught:
        load_tiny(tiny_config(folder, lora__use_qlora=False, **settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_stacked_experts_can_not_have_is_one_line(tmp_path: Path) -> None:
    folder = write_architecture(tmp_path, "qwen3_moe")
    assert error_of(folder, lora__use_dora=True) == (
        "lora.use_dora: can't be had on this model's experts (gate_proj, up_proj, down_proj), which are stacked; leave "
        "it out, or set lora.target_modules=[q_proj,k_proj,v_proj,o_proj]"
    )
    assert error_of(folder, lora__init="eva").startswith("lora.init = eva: can't be had on this model's experts")
    assert error_of(folder, lora__target_modules=["q_proj", "gate_proj"]) == (
        "lora.target_modules: Cannot convert PEFT target(s) gate_proj without also targeting up_proj because they are "
        "fused into gate_up_proj."
    )


def test_names_that_a_model_of_experts_has(tmp_path: Path) -> None:
    assert error_of(write_architecture(tmp_path / "a", "mixtral"), lora__target_modules=["gate_proj"]) == (
        "lora.target_modules: the model has no layer gate_proj; it has k_proj, lm_head, o_proj, q_proj, v_proj, w1, "
        "w2, w3"
    )
    # Its router is a linear layer that returns more than a product.
    assert error_of(write_architecture(tmp_path / "b", "phimoe"), lora__target_modules=["router"]).startswith(
        "lora.target_modules: the model has no layer router; it has k_proj, lm_head, o_proj, q_proj, v_proj"
    )


def test_what_peft_refuses_is_one_line(tmp_path: Path) -> None:
    folder = write_architecture(tmp_path, "mamba2")
    assert error_of(folder, lora__target_modules=["out_proj"]).startswith(
        "lora: PEFT can't put this adapter on the model: [PEFT:PeftType.LORA] Module 'out_proj' is incompatible"
    )


@pytest.mark.parametrize(("name", "class_name"), [("gemma2", "Gemma2ForCausalLM"), ("gpt_oss", "GptOssForCausalLM")])
def test_a_class_without_sdpa_takes_eager_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, class_name: str
) -> None:
    folder = write_architecture(tmp_path, name)
    with caplog.at_level(logging.WARNING, "yoyak"):
        model, _ = load_tiny(tiny_config(folder, lora__target_modules=["q_proj"], lora__use_qlora=False))
    assert caplog.messages == [f"model.attn_implementation: eager, since {class_name} has no sdpa"]
    assert model.config._attn_implementation == "eager"


def test_sdpa_never_leaves_out_a_soft_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gemma2PreTrainedModel, "_supports_sdpa", True)  # as transformers 5.17 says of it
    folder = write_architecture(tmp_path, "gemma2")
    model, _ = load_tiny(tiny_config(folder, lora__target_modules=["q_proj"], lora__use_qlora=False))
    assert model.config._attn_implementation == "eager"
    ids = torch.tensor([[5, 100, 40, 41]])
    with torch.no_grad():
        before = model(input_ids=ids).logits
        for layer in model.get_base_model().model.layers:
            layer.self_attn.attn_logit_softcapping = 1e-6  # no scores: all places alike
        assert not torch.allclose(model(input_ids=ids).logits, before)


def test_attention_that_was_asked_for_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_architecture(tmp_path, "llama")
    for wanted in ("eager", "sdpa"):
        model, _ = load_tiny(tiny_config(folder, lora__use_qlora=False, model__attn_implementation=wanted))
        assert model.config._attn_implementation == wanted
    assert caplog.messages == []


def test_llama_4_shows_its_decoder(tmp_path: Path) -> None:
    config = tiny_config(write_architecture(tmp_path, "llama4_text"), lora__target_modules=["q_proj"])
    causal_lm = load_tiny(config)[0].get_base_model()
    assert causal_lm.get_decoder() is causal_lm.model
    ids = torch.tensor([[5, 100, 40, 41, 200, 256, 7]])
    labels = torch.where(torch.arange(7) < 3, -100, ids)
    with torch.no_grad():
        loss, count = response_loss(causal_lm, {"input_ids": ids, "labels": labels})
        own = causal_lm(input_ids=ids, labels=labels).loss
    assert count == 4
    assert float(loss) / 4 == pytest.approx(float(own), abs=1e-5)
