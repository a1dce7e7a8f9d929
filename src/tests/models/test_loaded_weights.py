"""Checkpoints whose tensors are not those of the model that their config describes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, DeepseekV3Config, Qwen3MoeConfig

from src.errors import YoyakError
from src.export.merged import merge_adapter
from src.models.loaded_weights import in_layer_order, load_weights
from src.tests.tiny_models import load_tiny, logits, tiny_config, tiny_tokenizer, write_tiny_model

Tensors = dict[str, torch.Tensor]
SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "moe_intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


def rewrite(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    """Give a checkpoint other tensors."""
    file = folder / "model.safetensors"
    save_file({name: tensor.clone() for name, tensor in change(load_file(file)).items()}, file, {"format": "pt"})


def refusal(folder: Path) -> str:
    """Return the line with which a checkpoint is refused, without its name."""
    with pytest.raises(YoyakError) as caught:
        load_weights(str(folder), AutoModelForCausalLM.from_pretrained, lambda _: None)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"model.checkpoint = {folder}: ")


def loaded(folder: Path) -> tuple[torch.nn.Module, list[str]]:
    """Return a checkpoint's model and what was said of it."""
    said: list[str] = []
    return load_weights(str(folder), AutoModelForCausalLM.from_pretrained, said.append), said


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Qwen3-MoE checkpoint of 2 layers of 4 experts."""
    config = Qwen3MoeConfig(**SIZES, head_dim=16, num_experts=4, num_experts_per_tok=2)
    folder = tmp_path_factory.mktemp("experts") / "base"
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("lost", "line"),
    [
        (
            "layers.1.mlp.experts.2.up_proj",
            "lacks a tensor of the model in its config.json, model.layers.1.mlp.experts.2.up_proj.weight; get it again",
        ),
        # transformers stacks what is there: experts 0, 1 and 3 would be taken for the first three.
        (
            "layers.1.mlp.experts.2.",
            "model.layers.1.mlp.experts.down_proj is 3 x 32 x 16, and 4 x 32 x 16 by its config.json (2",
        ),
        ("layers.0.mlp.gate.", "lacks a tensor of the model in its config.json, model.layers.0.mlp.gate.weight"),
    ],
)
def test_a_lost_expert_is_named(tmp_path: Path, experts: Path, lost: str, line: str) -> None:
    folder = Path(shutil.copytree(experts, tmp_path / "base"))
    rewrite(folder, lambda w: {name: tensor for name, tensor in w.items() if lost not in name})
    assert refusal(folder).startswith(line)


def test_one_expert_of_another_shape_is_refused(tmp_path: Path, experts: Path) -> None:
    folder = Path(shutil.copytree(experts, tmp_path / "base"))
    rewrite(folder, lambda w: w | {"model.layers.0.mlp.experts.1.down_proj.weight": torch.ones(16, 16)})
    assert "conversion of the weights" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("mtp.layers.0.self_attn.q_proj.weight", "mtp"),
        ("model.visual.blocks.0.attn.qkv.weight", "model.visual"),
        ("vision_tower.patch.weight", "vision_tower"),
        ("v_head.summary.weight", "v_head"),
    ],
)
def test_parts_that_text_does_without_are_left_out_and_named(tmp_path: Path, name: str, part: str) -> None:
    folder = Path(write_tiny_model(tmp_path / "base"))
    before = logits(loaded(folder)[0])
    rewrite(folder, lambda w: w | {name: torch.ones(4, 4)})
    model, said = loaded(folder)
    assert torch.equal(logits(model), before)
    assert said == [f"{folder}: {part} left out, which a text model has no use for (1 in all)"]


def test_layers_that_predict_further_tokens_are_left_out(tmp_path: Path) -> None:
    config = DeepseekV3Config(
        **SIZES,
        first_k_dense_replace=2,
        kv_lora_rank=8,
        q_lora_rank=8,
        qk_nope_head_dim=8,
        qk_rope_head_dim=8,
        v_head_dim=8,
        num_nextn_predict_layers=1,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    rewrite(tmp_path, lambda w: w | {"model.layers.2.enorm.weight": torch.ones(32)})
    assert loaded(tmp_path)[1] == [f"{tmp_path}: model.layers.2 left out, which a text model has no use for (1 in all)"]


@pytest.mark.parametrize(
    "name", ["model.embed_positions.weight", "lm_head.bias", "model.layers.2.mlp.up_proj.weight", "alien.weight"]
)
def test_what_may_belong_to_the_text_model_is_refused(tmp_path: Path, name: str) -> None:
    folder = Path(write_tiny_model(tmp_path / "base"))
    rewrite(folder, lambda w: w | {name: torch.ones(4)})
    assert refusal(folder) == (
        f"has a tensor that the model in its config.json does not, {name}; get the config.json that belongs to it"
    )


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.rotary_emb.inv_freq", "lm_head.weight"])
def test_buffers_and_a_tied_head_are_no_foreign_tensors(tmp_path: Path, name: str) -> None:
    folder = Path(write_tiny_model(tmp_path / "base"))
    rewrite(folder, lambda w: w | {name: w["model.embed_tokens.weight"] if "head" in name else torch.ones(8)})
    assert loaded(folder)[1] == []


def test_a_head_that_differs_from_the_embedding_stays_untied_everywhere(tmp_path: Path) -> None:
    folder = Path(write_tiny_model(tmp_path / "base"))
    rewrite(folder, lambda w: w | {"lm_head.weight": w["model.embed_tokens.weight"].flip(0)})
    model, said = loaded(folder)
    assert said == [
        f"{folder}: its config.json ties the head to the embedding, and it holds a head of its own that differs: that "
        "head is used"
    ]
    assert not model.config.tie_word_embeddings
    adapted = load_tiny(tiny_config(str(folder), lora__use_qlora=False))[0]
    expected = logits(adapted)
    assert torch.allclose(logits(merge_adapter(adapted, torch.float32)), expected, atol=1e-5)


def test_an_adapter_in_place_of_a_model_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base")
    load_tiny(tiny_config(folder))[0].save_pretrained(tmp_path / "base", save_embedding_layers=False)
    assert refusal(Path(folder)).startswith("an adapter, loaded on the base model that it names; set model.checkpoint")


def test_rows_that_an_adapter_lacks_are_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", tokenizer=tiny_tokenizer(()))
    config = tiny_config(folder, model__chat_template="qwen", lora__use_qlora=False)
    load_tiny(config)[0].save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({n: t for n, t in load_file(file).items() if "lora_" in n}, file, {"format": "pt"})
    config.lora.adapter = str(tmp_path / "adapter")
    with pytest.raises(YoyakError) as caught:
        load_tiny(config)
    assert str(caught.value) == (
        f"{tmp_path}/adapter: the adapter does not fit {folder}: the adapter has no "
        "model.embed_tokens.token_adapter.trainable_tokens_delta"
    )


def test_names_sort_by_their_numbers() -> None:
    assert sorted(["a.10.x", "a.9.x", "a.b"], key=in_layer_order) == ["a.b", "a.9.x", "a.10.x"]


def test_a_config_of_another_model_is_named_by_its_first_shape(tmp_path: Path) -> None:
    folder = Path(write_tiny_model(tmp_path / "base"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 300}))
    assert refusal(folder) == (
        "model.embed_tokens.weight is 259 x 64, and 300 x 64 by its config.json; get the config.json that belongs to it"
    )
