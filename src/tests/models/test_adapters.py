"""Adapters: every variant trains and comes back the same, what does not fit is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader

from src.data.batches.padding import RightPadder
from src.errors import YoyakError
from src.models.adapters import load_adapter, start_eva
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import (
    HIDDEN,
    load_tiny,
    logits,
    reloaded,
    tiny_config,
    tiny_dataset,
    train_tiny,
    write_tiny_model,
)
from src.training.llm_trainer import LLMTrainer

FOUR_BIT = [
    {},
    {"lora__use_rslora": True},
    {"lora__use_dora": True},
    {"lora__init": "gaussian"},
    {"lora__init": "orthogonal"},
    {"lora__init": "eva"},
    {"lora__loraplus_lr_ratio": 16.0},
    {"lora__init": "orthogonal", "lora__use_dora": True, "lora__use_rslora": True},
]
CHANGED_BASE: list[dict[str, Any]] = [{"lora__init": init} for init in ("pissa", "olora")]


def title(settings: dict[str, Any]) -> str:
    return " ".join(f"{name[6:]}={value}" for name, value in settings.items()) or "default"


def layers_of(model: Any) -> list[LoraLayer]:
    return [module for module in model.modules() if isinstance(module, LoraLayer)]


def factors(layer: LoraLayer) -> tuple[torch.Tensor, torch.Tensor]:
    return layer.lora_A["default"].weight.detach(), layer.lora_B["default"].weight.detach()


def batches_of(tokenizer: Any, batch_size: int = 2) -> Any:
    return DataLoader(tiny_dataset(tokenizer), batch_size=batch_size, collate_fn=RightPadder(tokenizer.pad_token_id))


@pytest.mark.parametrize("settings", FOUR_BIT, ids=title)
def test_variants_train_on_4_bit_and_come_back_the_same(tmp_path: Path, settings: dict[str, Any]) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, **settings)
    model, tokenizer = load_tiny(config)
    before = logits(model)
    folder = train_tiny(config, model, tokenizer)
    after = logits(model)
    assert not torch.equal(after, before)
    assert torch.equal(logits(reloaded(config, folder)), after)


@pytest.mark.parametrize("machine", ["fp32", "bf16"])
@pytest.mark.parametrize("settings", CHANGED_BASE, ids=title)
def test_pissa_and_olora_change_the_base_and_come_back_the_same(
    tmp_path: Path, settings: dict[str, Any], machine: str, request: pytest.FixtureRequest
) -> None:
    if machine == "bf16":
        request.getfixturevalue("bf16_machine")
    folder = write_tiny_model(tmp_path / "base")
    config = tiny_config(folder, tmp_path, lora__use_qlora=False, **settings)
    plain, _ = load_tiny(tiny_config(folder, lora__use_qlora=False))
    model, tokenizer = load_tiny(config)
    base, changed = (layers_of(m)[0].get_base_layer().weight.detach().float() for m in (plain, model))
    a, b = factors(layers_of(model)[0])
    tolerance = 1e-5 if machine == "fp32" else 1e-2
    assert not torch.allclose(changed, base, atol=0.05)
    assert torch.allclose(changed + 2 * b @ a, base, atol=tolerance)  # scale = alpha / r = 8 / 4
    trained = train_tiny(config, model, tokenizer)
    after = logits(model)
    assert not torch.allclose(after, logits(plain), atol=0.01)
    again = reloaded(config, trained)
    assert torch.equal(logits(again), after)
    # And so does an adapter that goes on from it, trained once more and loaded once more.
    config.lora.adapter = trained
    config.experiment.name = "second"
    model, tokenizer = load_tiny(config)
    assert torch.equal(logits(model), after)
    twice = train_tiny(config, model, tokenizer)
    assert not torch.equal(logits(model), after)
    assert torch.equal(logits(reloaded(config, twice)), logits(model))


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_an_adapter_that_changed_its_base_is_refused_on_4_bit(tmp_path: Path, init: str) -> None:
    folder = write_tiny_model(tmp_path / "base")
    config = tiny_config(folder, tmp_path, lora__use_qlora=False, lora__init=init)
    trained = train_tiny(config, *load_tiny(config))
    with pytest.raises(YoyakError, match=f"init_lora_weights = {init} changes the base weights") as caught:
        load_tiny(tiny_config(folder, lora__adapter=trained))
    assert "\n" not in str(caught.value)


def test_orthogonal_factors_cancel_and_are_float32(tmp_path: Path) -> None:
    model, _ = load_tiny(tiny_config(write_tiny_model(tmp_path / "base"), lora__init="orthogonal"))
    assert len(layers_of(model)) == 14
    for layer in layers_of(model):
        a, b = factors(layer)
        assert a.dtype == b.dtype == torch.float32
        # Rows of A lie in the span of two orthonormal vectors of R^4, columns of B in that of the other two.
        assert torch.linalg.matrix_rank(a) == torch.linalg.matrix_rank(b) == 2
        assert torch.allclose(b @ a, torch.zeros(()), atol=1e-6)


def test_eva_takes_the_main_directions_of_the_inputs(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), lora__init="eva")
    model, tokenizer = load_tiny(config)
    start_eva(model, batches_of(tokenizer))
    ranks = {name: m.r["default"] for name, m in model.named_modules() if isinstance(m, LoraLayer)}
    assert sum(ranks.values()) == 14 * 4  # redistributed, none lost
    assert max(ranks.values()) <= 8
    for layer in layers_of(model):
        a, b = factors(layer)
        assert torch.allclose(a @ a.T, torch.eye(len(a)), atol=1e-4)
        assert not b.any()


def test_eva_without_enough_summary_tokens_is_refused(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), lora__init="eva", lora__r=32)
    model, tokenizer = load_tiny(config)
    with pytest.raises(YoyakError, match=r"^lora.init = eva needs a batch of 64 summary tokens for lora.r = 32; "):
        start_eva(model, batches_of(tokenizer, batch_size=1))


def test_lora_plus_multiplies_the_learning_rate_of_b(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__loraplus_lr_ratio=16.0)
    model, tokenizer = load_tiny(config)
    optimizer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer)).trainer.create_optimizer()
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for layer in layers_of(model):
        assert rates[id(layer.lora_A["default"].weight)] == pytest.approx(0.01)
        assert rates[id(layer.lora_B["default"].weight)] == pytest.approx(0.16)


def test_training_goes_on_from_an_adapter(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path)
    model, tokenizer = load_tiny(config)
    config.lora.adapter = train_tiny(config, model, tokenizer)
    config.lora.r = 16  # the adapter's own rank counts
    again, _ = load_tiny(config)
    assert torch.equal(logits(again), logits(model))
    assert {layer.r["default"] for layer in layers_of(again)} == {4}
    assert sum(p.requires_grad for p in again.parameters()) == 28
    config.experiment.name = "second"
    train_tiny(config, again, tokenizer)
    assert not torch.equal(logits(again), logits(model))


# What is refused


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path)
    return Path(train_tiny(config, *load_tiny(config)))


def refusal(tmp_path: Path, adapter: Path, **base: Any) -> str:
    """Return the message with which the adapter is refused, without the paths; `base` changes the base model."""
    checkpoint = write_tiny_model(tmp_path / "other", **base)
    model, _ = LoRALoader(tiny_config(checkpoint)).load_model_and_tokenizer(use_lora=False)
    with pytest.raises(YoyakError) as caught:
        load_adapter(model, str(adapter))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{adapter}: ").replace(checkpoint, "BASE")


def test_an_adapter_of_other_shapes_is_refused(tmp_path: Path, adapter: Path) -> None:
    message = refusal(tmp_path, adapter, intermediate_size=96)
    assert message.startswith("the adapter does not fit BASE: size mismatch for base_model.model.model.layers.0.mlp.")


def test_an_adapter_of_fewer_layers_is_refused(tmp_path: Path, adapter: Path) -> None:
    message = refusal(tmp_path, adapter, num_hidden_layers=3)
    assert message == ("the adapter does not fit BASE: the adapter has no model.layers.2.mlp.down_proj.lora_A.weight")


def test_an_adapter_of_more_layers_is_refused(tmp_path: Path, adapter: Path) -> None:
    message = refusal(tmp_path, adapter, num_hidden_layers=1)
    assert message == (
        "the adapter does not fit BASE: the model has no place for the adapter's "
        "model.layers.1.mlp.down_proj.lora_A.weight"
    )


def test_an_adapter_of_other_layer_names_is_refused(tmp_path: Path, adapter: Path) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"target_modules": ["c_attn"]}))
    assert refusal(tmp_path, adapter).startswith("the adapter does not fit BASE: Target modules {'c_attn'} not found")


def test_a_broken_adapter_is_refused(tmp_path: Path, adapter: Path) -> None:
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert refusal(tmp_path, adapter).startswith("the adapter does not fit BASE: ")


def test_rows_of_tokens_that_the_base_lacks_are_refused(tmp_path: Path, adapter: Path) -> None:
    path = adapter / "adapter_config.json"
    settings = {"trainable_token_indices": {"embed_tokens": [900]}}
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    weights = load_file(adapter / "adapter_model.safetensors")
    name = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
    save_file({**weights, name: torch.zeros(1, HIDDEN)}, adapter / "adapter_model.safetensors")
    assert refusal(tmp_path, adapter).startswith("the adapter does not fit BASE: ")


def test_a_pickled_adapter_is_refused(tmp_path: Path, adapter: Path) -> None:
    torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    assert refusal(tmp_path, adapter) == (
        "no adapter_model.safetensors (pickled adapters are not loaded: they can run code)"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"peft_type": "XLORA", "adapters": {"0": "some/where"}}, "a XLORA adapter; only LoRA is loaded"),
        ({"megatron_config": {}, "peft_type": None}, "a None adapter; only LoRA is loaded"),
        ({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}, "adapter_config.json asks for Megatron's mod"),
    ],
)
def test_an_adapter_that_loads_more_is_refused(tmp_path: Path, adapter: Path, settings: dict, said: str) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    assert refusal(tmp_path, adapter).startswith(said)


def test_a_folder_that_is_no_adapter_is_refused(tmp_path: Path, adapter: Path) -> None:
    shutil.rmtree(adapter)
    assert (
        refusal(tmp_path, adapter) == "no adapter_config.json, so this is no adapter folder; name a run's final_model"
    )
