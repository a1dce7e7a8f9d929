"""vLLM's rules for adapters, and a folder that keeps them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from src.errors import YoyakError
from src.export.adapter_file import AdapterFile, read_adapter
from src.export.vllm_rules import (
    MAX_LORA_RANKS,
    max_lora_rank,
    refuse_unless_loadable,
    renamed,
    uniform,
    vllm_objections,
    write_adapter,
)
from src.tests.tiny_models import load_tiny, logits, tiny_config, tiny_tokenizer, train_tiny, write_tiny_model

pytestmark = pytest.mark.usefixtures("fp32_machine")

Q = "model.layers.0.self_attn.q_proj"


def adapter_of(rank: int = 4, layer: str = Q, others: tuple[str, ...] = (), **settings: Any) -> AdapterFile:
    values = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "bias": "none", "init_lora_weights": True, **settings}
    return AdapterFile(Path("a"), values, {layer: (torch.ones(rank, 3), torch.ones(2, rank))}, others)


@pytest.mark.parametrize("start", [True, False, "gaussian", "eva", "orthogonal"])
def test_plain_adapters_are_taken(start: Any) -> None:
    assert vllm_objections(adapter_of(init_lora_weights=start, use_rslora=True)) == []


@pytest.mark.parametrize("name", ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"])
def test_adapters_on_linear_attention_are_taken_by_the_names_that_qwen3_5_has(name: str) -> None:
    assert vllm_objections(adapter_of(layer=f"model.language_model.layers.0.linear_attn.{name}")) == []
    assert vllm_objections(adapter_of(layer=f"model.layers.0.mixer.{name}")) == [f"adapters on {name}"]


@pytest.mark.parametrize(
    ("adapter", "objection"),
    [
        (adapter_of(modules_to_save=["lm_head"]), "modules_to_save lm_head"),
        (adapter_of(use_dora=True), "DoRA"),
        (adapter_of(bias="all"), "bias all"),
        (adapter_of(init_lora_weights="pissa"), "init_lora_weights pissa, which changes the base weights"),
        (adapter_of(init_lora_weights="olora"), "init_lora_weights olora, which changes the base weights"),
        (adapter_of(init_lora_weights="loftq"), "init_lora_weights loftq, which changes the base weights"),
        (adapter_of(trainable_token_indices={"embed_tokens": [1]}), "trained rows of added tokens"),
        (adapter_of(lora_bias=True), "lora_bias"),
        (adapter_of(rank=513), "rank 513, above 512"),
        (adapter_of(layer="model.layers.0.mlp.router"), "adapters on router"),
        (adapter_of(others=("base_model.model.x.bias",)), "the tensor base_model.model.x.bias"),
    ],
)
def test_what_vllm_refuses_is_refused_with_the_way_out(adapter: AdapterFile, objection: str) -> None:
    assert vllm_objections(adapter) == [objection]
    with pytest.raises(YoyakError) as caught:
        refuse_unless_loadable(adapter)
    assert str(caught.value) == f"a: vLLM does not load adapters with {objection}; use --to merged instead"


@pytest.mark.parametrize(("rank", "needed"), [(1, 1), (4, 8), (16, 16), (17, 32), (200, 256), (300, 320), (512, 512)])
def test_the_smallest_limit_that_takes_the_rank(rank: int, needed: int) -> None:
    assert max_lora_rank(adapter_of(rank)) == needed
    assert needed in MAX_LORA_RANKS


@pytest.mark.parametrize("use_rslora", [False, True])
def test_ranks_and_scales_of_their_own_become_uniform(use_rslora: bool) -> None:
    torch.manual_seed(0)
    factors = {
        f"model.layers.{i}.self_attn.q_proj": (torch.randn(rank, 5), torch.randn(6, rank))
        for i, rank in enumerate((2, 4, 3))
    }
    settings = {
        "peft_type": "LORA",
        "r": 3,
        "lora_alpha": 6.0,
        "use_rslora": use_rslora,
        "rank_pattern": {"layers.0.self_attn.q_proj": 2, "layers.1.self_attn.q_proj": 4},
        "alpha_pattern": {"layers.0.self_attn.q_proj": 10.0},
    }
    mixed = AdapterFile(Path("a"), settings, factors, ())
    assert mixed.scale("model.layers.0.self_attn.q_proj") == pytest.approx(10 / (2**0.5 if use_rslora else 2))
    plain = uniform(mixed)
    assert (plain.settings["r"], plain.settings["rank_pattern"], plain.settings["alpha_pattern"]) == (4, {}, {})
    for layer, (a, b) in factors.items():
        padded_a, padded_b = plain.factors[layer]
        assert (padded_a.shape, padded_b.shape) == ((4, 5), (6, 4))
        product = mixed.scale(layer) * b @ a
        assert torch.allclose(plain.scale(layer) * padded_b @ padded_a, product, atol=1e-5)
    assert len({plain.scale(layer) for layer in factors}) == 1
    assert uniform(adapter_of()).factors[Q][0].shape == (4, 3)


@pytest.mark.parametrize("settings", [{}, {"lora__use_rslora": True}, {"lora__init": "eva"}], ids=str)
def test_the_folder_loads_and_computes_the_same(tmp_path: Path, settings: dict[str, Any]) -> None:
    checkpoint = write_tiny_model(tmp_path / "base", rows=260)
    config = tiny_config(checkpoint, tmp_path, lora__use_qlora=False, **settings)
    model, tokenizer = load_tiny(config)
    adapter = read_adapter(Path(train_tiny(config, model, tokenizer)))
    (tmp_path / "out").mkdir()
    write_adapter(uniform(adapter), "owner/base", tokenizer, "{{ x }}", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    }
    written = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert written["base_model_name_or_path"] == "owner/base"
    assert not written["rank_pattern"]
    names = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert all(name.startswith("base_model.model.model.layers.") and ".lora_" in name for name in names)
    base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    again = PeftModel.from_pretrained(base, str(tmp_path / "out"))
    assert torch.allclose(logits(again), logits(model), atol=1e-4)
    assert vllm_objections(read_adapter(tmp_path / "out")) == []


def test_tokens_that_were_added_need_merging(tmp_path: Path) -> None:
    checkpoint = write_tiny_model(tmp_path / "base", "qwen3", tokenizer=tiny_tokenizer(()))
    config = tiny_config(checkpoint, tmp_path, model__chat_template="qwen")
    adapter = read_adapter(Path(train_tiny(config, *load_tiny(config))))
    assert vllm_objections(adapter) == ["trained rows of added tokens"]


def test_an_export_that_is_exported_again_keeps_its_names() -> None:
    """A second `language_model.` would load onto no layer, without a word."""
    names = {"model.": "model.language_model.", "lm_head.": "lm_head."}
    once = renamed(adapter_of(), names)
    assert list(once.factors) == ["model.language_model.layers.0.self_attn.q_proj"]
    assert list(renamed(once, names).factors) == list(once.factors)
    assert list(renamed(adapter_of(), {}).factors) == [Q]
