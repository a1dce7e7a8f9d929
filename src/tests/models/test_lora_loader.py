"""Loading: seeds, precision, gradients, the adapter's settings."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch.distributed import FileStore
from transformers import AutoModelForCausalLM

from src.inference.generator import generating
from src.models import lora_loader
from src.models.dequantized import linear4bit_layers
from src.models.loaded_weights import load_weights
from src.models.lora_loader import LoRALoader, load_lora_model_and_tokenizer
from src.ranks import group
from src.ranks.group import Member
from src.ranks.place import RankPlace
from src.ranks.watch import Watch
from src.tests.tiny_models import (
    load_tiny,
    logits,
    tiny_config,
    tiny_dataset,
    train_tiny,
    trained_gradients,
    write_tiny_model,
)
from src.training.llm_trainer import LLMTrainer
from src.training.state.final_model import save_model


def test_a_rank_that_loads_keeps_the_others_waiting_for_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have to download what another host has."""
    watch = Watch(RankPlace(0, 2, 0, "torchrun", "127.0.0.1", 0), FileStore(str(tmp_path / "store"), 1), 60, print)
    signs: list[str] = []

    def load(*given: Any, **arguments: Any) -> Any:
        watch._beat()
        signs.append(watch._store.get("beat/0").decode().rpartition("/")[2])
        return load_weights(*given, **arguments)

    monkeypatch.setattr(lora_loader, "load_weights", load)
    monkeypatch.setattr(group, "_member", Member(watch.place, watch))
    load_tiny(tiny_config(write_tiny_model(tmp_path / "base")))
    assert signs == ["alone"]


# Seeds, compute, checkpointing (traps 14 to 16, 20, 35)


@pytest.mark.parametrize("measured_before", [True, False])
def test_two_loads_start_from_the_same_adapter(
    tmp_path: Path, home: Path, request: pytest.FixtureRequest, measured_before: bool
) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"))
    if not measured_before:
        request.getfixturevalue("new_process")
        (home / "cpu_rates.json").unlink()
    first, _ = load_tiny(config)
    torch.rand(7)
    second, _ = load_tiny(config)
    weights = {n: p for n, p in first.named_parameters() if "lora_A" in n}
    assert len(weights) == 14
    assert all(torch.equal(p, weights[n]) for n, p in second.named_parameters() if n in weights)
    other = config.model_copy(deep=True)
    other.training.seed = 43
    third, _ = load_tiny(other)
    assert not any(torch.equal(p, weights[n]) for n, p in third.named_parameters() if n in weights)


@pytest.mark.parametrize("cache", ["on", "off"])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_gradient_checkpointing_on_4_bit_gives_the_gradients_of_plain_training(
    tmp_path: Path, cache: str, checkpointing: bool
) -> None:
    config = tiny_config(
        write_tiny_model(tmp_path / "base"),
        tmp_path,
        lora__cache_dequantized=cache,
        training__engine="trainer",
        training__gradient_checkpointing=checkpointing,
        training__weight_decay=0.0,
    )
    model, tokenizer = load_tiny(config)
    assert model.config.use_cache is False
    before = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    plain = trained_gradients(model, tokenizer)
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer)).trainer
    trainer.train()
    assert model.get_base_model().is_gradient_checkpointing is checkpointing
    moved = {n for n, p in model.named_parameters() if p.requires_grad and not torch.equal(p, before[n])}
    # B starts at 0, so A has no gradient in the first step; all of B does.
    assert moved == {n for n in before if "lora_B" in n}
    assert {n for n, g in plain.items() if (g != 0).any()} == moved


def test_gradients_with_checkpointing_equal_those_without(tmp_path: Path) -> None:
    model, tokenizer = load_tiny(tiny_config(write_tiny_model(tmp_path / "base")))
    model.train()
    plain = trained_gradients(model, tokenizer)
    model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})
    again = trained_gradients(model, tokenizer)
    assert len(plain) == 28
    assert all(torch.equal(again[name], gradient) for name, gradient in plain.items())


@pytest.mark.parametrize(("machine", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_one_choice_decides_the_compute_type(
    tmp_path: Path, machine: str, dtype: torch.dtype, request: pytest.FixtureRequest
) -> None:
    if machine == "bf16":
        request.getfixturevalue("bf16_machine")
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, model__dtype="bf16")
    loader = LoRALoader(config)
    model, tokenizer = loader.load_model_and_tokenizer(use_qlora=True)
    layers = linear4bit_layers(model)
    assert len(layers) == 14
    assert {layer.compute_dtype for layer in layers} == {dtype}
    assert loader._create_bnb_config().bnb_4bit_compute_dtype == dtype
    assert model.get_input_embeddings().weight.dtype == dtype
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    arguments = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))._create_training_args()
    assert (arguments.bf16, arguments.fp16) == (machine == "bf16", False)
    assert loader.resolved["compute_dtype"] == machine


def test_the_4_bit_settings_are_nf4_with_double_quantization(tmp_path: Path) -> None:
    settings = LoRALoader(tiny_config(str(tmp_path)))._create_bnb_config()
    assert settings.load_in_4bit
    assert settings.bnb_4bit_quant_type == "nf4"
    assert settings.bnb_4bit_use_double_quant


@pytest.mark.parametrize("cache", ["on", "off"])
def test_a_generation_changes_neither_weights_nor_gradients(tmp_path: Path, cache: str) -> None:
    model, tokenizer = load_tiny(tiny_config(write_tiny_model(tmp_path / "base"), lora__cache_dequantized=cache))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # B starts at 0, and with it A's gradients would be 0
            torch.nn.init.normal_(parameter, std=0.1)
    layers = linear4bit_layers(model)
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
    weights = [layer.weight.data.clone() for layer in layers]
    gradients = trained_gradients(model, tokenizer)
    with generating(model):
        model.generate(input_ids=torch.tensor([[5, 6, 7]]), max_new_tokens=4, do_sample=False, use_cache=True)
    again = trained_gradients(model, tokenizer)
    assert all(torch.equal(layer.weight.data, weight) for layer, weight in zip(layers, weights, strict=True))
    assert len(gradients) == 28
    assert all((g != 0).any() and torch.equal(again[name], g) for name, g in gradients.items())
    assert model.config.use_cache is False


# The adapter's settings


def test_the_adapter_has_the_configs_settings(tmp_path: Path) -> None:
    config = tiny_config(
        write_tiny_model(tmp_path / "base"),
        lora__r=2,
        lora__alpha=6,
        lora__dropout=0.5,
        lora__target_modules=["v_proj"],
    )
    model, _ = load_tiny(config)
    peft_config = model.peft_config["default"]
    assert (peft_config.r, peft_config.lora_alpha, peft_config.lora_dropout) == (2, 6, 0.5)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {
        f"base_model.model.model.layers.{layer}.self_attn.v_proj.lora_{matrix}.default.weight"
        for layer in (0, 1)
        for matrix in "AB"
    }


def test_full_fine_tuning_trains_all_weights(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__use_lora=False, lora__use_qlora=False)
    model, tokenizer = load_lora_model_and_tokenizer(config, use_lora=False)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    folder = train_tiny(config, model, tokenizer)
    assert all(p.requires_grad and not torch.equal(p, before[n]) for n, p in model.named_parameters())
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert torch.equal(logits(again), logits(model))


def test_a_saved_adapter_is_written_without_the_embedding(tmp_path: Path) -> None:
    model, _ = load_tiny(tiny_config(write_tiny_model(tmp_path / "base")))
    save_model(model, tmp_path / "saved")
    with safe_open(tmp_path / "saved" / "adapter_model.safetensors", framework="pt") as file:
        names = list(file.keys())
    assert len(names) == 28
    assert all(".lora_" in name for name in names)


def test_a_4bit_base_for_use_needs_no_adapter(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"))
    model, _ = LoRALoader(config).load_model_and_tokenizer(use_lora=False, use_qlora=True, trainable=False)
    assert linear4bit_layers(model)
    assert not hasattr(model, "peft_config")
