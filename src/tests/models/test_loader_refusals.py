"""Checkpoints stored in 4 bit, and what the loader refuses, in one line each."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from src.config.schema import Config
from src.errors import YoyakError
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import (
    load_tiny,
    logits,
    reloaded,
    tiny_config,
    tiny_tokenizer,
    train_tiny,
    write_tiny_model,
)


def error_of(config: Config, use_lora: bool = True, use_qlora: bool = False) -> str:
    """Return the message with which loading fails; it must be one line."""
    with pytest.raises(YoyakError) as caught:
        LoRALoader(config).load_model_and_tokenizer(use_lora, use_qlora)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is refused


def test_4_bit_without_an_adapter_is_refused(tmp_path: Path) -> None:
    message = error_of(tiny_config(str(tmp_path)), use_lora=False, use_qlora=True)
    assert message.startswith("use_qlora without use_lora: 4-bit weights can't be trained")


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_an_init_that_changes_the_base_is_refused_on_4_bit(tmp_path: Path, init: str) -> None:
    message = error_of(tiny_config(str(tmp_path), lora__init=init), use_qlora=True)
    assert message.startswith(
        f"lora.init = {init} changes the base weights, which 4 bit can't hold; set lora.use_qlora"
    )


def test_orthogonal_needs_an_even_rank(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), lora__init="orthogonal", lora__r=3)
    assert error_of(config) == "lora.init = orthogonal needs an even lora.r, not 3"


def test_eva_with_added_tokens_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", tokenizer=tiny_tokenizer(()))
    config = tiny_config(folder, lora__init="eva", model__chat_template="qwen")
    assert error_of(config) == "lora.init = eva can't be had with added control tokens; set lora.init=default"


def test_an_unknown_target_module_is_named_with_the_models_own(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), lora__target_modules=["q_proj", "query"])
    assert error_of(config) == (
        "lora.target_modules: the model has no layer query; "
        "it has down_proj, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj, v_proj"
    )


# Checkpoints stored in 4 bit


def stored_in_4_bit(folder: Path) -> str:
    base = write_tiny_model(folder / "base")
    settings = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    AutoModelForCausalLM.from_pretrained(base, quantization_config=settings).save_pretrained(folder / "nf4")
    AutoTokenizer.from_pretrained(base).save_pretrained(folder / "nf4")
    return str(folder / "nf4")


@pytest.mark.parametrize("use_qlora", [False, True])
def test_a_checkpoint_stored_in_4_bit_loads_as_it_is(tmp_path: Path, use_qlora: bool) -> None:
    folder = stored_in_4_bit(tmp_path)
    with safe_open(f"{folder}/model.safetensors", framework="pt") as file:
        stored = file.get_tensor("model.layers.0.self_attn.q_proj.weight")
    config = tiny_config(folder, tmp_path, lora__use_qlora=use_qlora)
    model, tokenizer = load_tiny(config)
    layer = model.get_submodule("base_model.model.model.layers.0.self_attn.q_proj.base_layer")
    assert torch.equal(layer.weight.data, stored)
    trained = train_tiny(config, model, tokenizer)
    assert torch.equal(logits(reloaded(config, trained)), logits(model))


def test_full_fine_tuning_and_pissa_of_a_4_bit_checkpoint_are_refused(tmp_path: Path) -> None:
    folder = stored_in_4_bit(tmp_path)
    full = error_of(tiny_config(folder, lora__use_lora=False, lora__use_qlora=False), use_lora=False)
    assert full.startswith(f"model.checkpoint = {folder}: stored in 4 bit, and 4-bit weights can't be trained")
    assert error_of(tiny_config(folder, lora__init="pissa")).startswith("lora.init = pissa changes the base weights")


@pytest.mark.parametrize("use_qlora", [False, True])
def test_weights_that_are_not_in_the_4_bit_of_their_config_are_refused(tmp_path: Path, use_qlora: bool) -> None:
    folder = write_tiny_model(tmp_path / "base")
    path = Path(folder) / "config.json"
    stored = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    path.write_text(json.dumps(json.loads(path.read_text()) | stored))
    assert error_of(tiny_config(folder), use_qlora=use_qlora) == (
        f"model.checkpoint = {folder}: is stored in 4 bit by its config.json, and its weights are not; "
        "get the config.json that belongs to it"
    )


@pytest.mark.parametrize("use_qlora", [False, True])
def test_a_checkpoint_of_another_quantization_is_refused(tmp_path: Path, use_qlora: bool) -> None:
    folder = write_tiny_model(tmp_path / "base")
    path = Path(folder) / "config.json"
    content = json.loads(path.read_text()) | {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    path.write_text(json.dumps(content))
    assert error_of(tiny_config(folder), use_qlora=use_qlora) == (
        f"model.checkpoint = {folder}: stored as gptq, which can't be trained here; "
        "name the 16-bit checkpoint, or one in bitsandbytes 4 bit"
    )


# Strangers' code (trap 31)


def test_a_checkpoints_own_code_does_not_run(tmp_path: Path) -> None:
    folder = Path(write_tiny_model(tmp_path / "base"))
    content = json.loads((folder / "config.json").read_text())
    content |= {"model_type": "stranger", "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}}
    (folder / "config.json").write_text(json.dumps(content))
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    config = tiny_config(str(folder))
    assert config.model.trust_remote_code is False
    assert error_of(config).startswith(f"model.checkpoint = {folder}: can't be loaded: ")
    assert not (tmp_path / "ran").exists()


def pickled_checkpoint(folder: Path) -> Path:
    """Write a checkpoint whose weights are pickled, and return its folder."""
    base = Path(write_tiny_model(folder / "it's base"))
    model = AutoModelForCausalLM.from_pretrained(base)
    torch.save(model.state_dict(), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    return base


@pytest.mark.slow
@pytest.mark.parametrize("trusted", [False, True])
def test_pickled_weights_are_refused_and_the_advice_works(tmp_path: Path, trusted: bool) -> None:
    folder = pickled_checkpoint(tmp_path)
    message = error_of(tiny_config(str(folder), model__trust_remote_code=trusted))
    said, _, advice = message.partition(" If you trust its maker, convert it: ")
    assert said == (
        f"model.checkpoint = {folder}: pytorch_model.bin is pickled, which can run code when loaded; "
        "only safetensors are loaded."
    )
    command, _, setting = advice.partition(" and set ")
    assert shlex.split(setting) == [f"model.checkpoint={folder}-safetensors"]  # as a shell reads it
    program = shlex.split(command)
    assert program[:2] == ["python", "-c"]
    subprocess.run([sys.executable, *program[1:]], check=True, capture_output=True)
    assert load_tiny(tiny_config(f"{folder}-safetensors"))[0].config.model_type == "llama"


def test_a_pickled_file_is_no_checkpoint(tmp_path: Path) -> None:
    file = pickled_checkpoint(tmp_path) / "pytorch_model.bin"
    message = error_of(tiny_config(str(file)))
    assert message.startswith(f"model.checkpoint = {file}: pytorch_model.bin is pickled")


@pytest.mark.parametrize("shard", ["pytorch_model-1.bin", "../other/model.safetensors", "/etc/model.safetensors", 5])
def test_an_index_that_leads_elsewhere_is_refused(tmp_path: Path, shard: object) -> None:
    folder = Path(write_tiny_model(tmp_path / "base"))
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"lm_head.weight": shard}}))
    assert error_of(tiny_config(str(folder))) == (
        f"{index}: names {shard!r}, and only .safetensors files beside it are loaded"
    )


def test_a_checkpoint_is_no_option_of_vllm() -> None:
    assert error_of(tiny_config("--trust-remote-code")).startswith("model.checkpoint = --trust-remote-code: neither")
