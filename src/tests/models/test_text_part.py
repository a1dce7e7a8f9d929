"""The text part of checkpoints that see too: its loss is the whole's, and its adapter fits the whole."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForImageTextToText

from src.architectures import DELTA_LINEARS
from src.cli import main
from src.errors import YoyakError
from src.export.adapter_file import read_adapter
from src.export.vllm_rules import renamed, write_adapter
from src.models.text_part import name_in_text, names_in_whole
from src.serving.vllm import refuse_text_names
from src.tests.tiny_architectures import architecture_config
from src.tests.tiny_models import load_tiny, tiny_config, tiny_tokenizer, train_tiny, with_layer_factors

VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "image_size": 28,
    "patch_size": 14,
    "num_heads": 2,
    "depth": 2,
    "out_hidden_size": 64,
    "mm_embed_dim": 32,
    "mm_posemb_size": 4,
}
IDS = torch.tensor([[5, 100, 40, 41, 200, 256, 7]])
WHOLES = {
    "mistral3": ("mistral", "MistralForCausalLM", "multi_modal_projector, vision_tower"),
    "exaone4_5": ("exaone4", "Exaone4ForCausalLM", "model.visual"),
    "gemma3": ("gemma3_text", "Gemma3ForCausalLM", "multi_modal_projector, vision_tower"),
    "gemma4": ("gemma4_text", "Gemma4ForCausalLM", "model.embed_vision, model.vision_tower"),
    "gemma4_unified": ("gemma4_unified_text", "Gemma4UnifiedForCausalLM", "model.embed_vision, model.vision_embedder"),
    "qwen3_5": ("qwen3_5_text", "Qwen3_5ForCausalLM", None),  # whose class leaves the tower out by itself
    "llama4": ("llama4_text", "Llama4ForCausalLM", "multi_modal_projector, vision_model"),
}


def write_whole(folder: Path, name: str, text: str, **settings: Any) -> Any:
    """Write a tiny model that sees, of an architecture and that of its text part; return it."""
    text_settings = architecture_config(text, pad_token_id=0, **settings).to_dict()
    config = AutoConfig.for_model(name, text_config=text_settings, vision_config=dict(VISION))
    torch.manual_seed(0)
    whole = with_layer_factors(AutoModelForImageTextToText.from_config(config).eval())
    whole.save_pretrained(folder)
    tiny_tokenizer(pad_token="<|im_start|>").save_pretrained(folder)
    return whole


def logits_of(model: Any) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model.eval()(input_ids=IDS, use_cache=False).logits
    return result[..., :259]  # a pad token may have been added to the text part


@pytest.mark.parametrize("name", WHOLES)
def test_the_text_part_computes_what_the_whole_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    text, class_name, left_out = WHOLES[name]
    whole = write_whole(tmp_path / "base", name, text)
    config = tiny_config(str(tmp_path / "base"), lora__use_qlora=False, lora__target_modules=["q_proj"])
    config.model.dtype = "fp32"
    with caplog.at_level(logging.WARNING, "yoyak"):
        model, _ = load_tiny(config)
    assert type(model.get_base_model()).__name__ == class_name
    assert torch.equal(logits_of(model), logits_of(whole))
    said = [line for line in caplog.messages if "left out" in line]
    assert [f"{left_out} left out, which a text model has no use for" in line for line in said] == [True] * len(said)
    assert len(said) == (left_out is not None)
    assert not [n for n, _ in model.named_parameters() if "vision" in n or "visual" in n]


@pytest.mark.parametrize("name", ["mistral3", "qwen3_5", "llama4"])
def test_an_exported_adapter_has_the_wholes_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = write_whole(tmp_path / "base", name, WHOLES[name][0])
    targets = ["q_proj", *(DELTA_LINEARS if name == "qwen3_5" else ())]
    config = tiny_config(str(tmp_path / "base"), tmp_path, lora__use_qlora=False, lora__target_modules=targets)
    config.model.dtype, config.model.chat_template = "fp32", "qwen"
    model, tokenizer = load_tiny(config)
    trained = train_tiny(config, model, tokenizer)
    with pytest.raises(SystemExit):
        main(["export", "--to", "adapter", "--adapter", trained, "--out", "exported"])
    names = load_file("exported/adapter_model.safetensors").keys()
    start = "language_model.model" if name == "llama4" else "model.language_model"
    assert names
    assert all(name.startswith(f"base_model.model.{start}.layers.") for name in names)
    assert {name.split(".")[-3] for name in names} == set(targets)
    expected = logits_of(model)
    # vLLM loads the whole, as PEFT does here.
    loaded = PeftModel.from_pretrained(whole, "exported")
    assert torch.allclose(logits_of(loaded), expected, atol=1e-5)
    factors = [factor for path, factor in loaded.named_parameters() if ".lora_B." in path]
    assert 2 * len(factors) == len(names)
    assert all(factor.any() for factor in factors)
    again = config.model_copy(deep=True)
    again.lora.adapter = "exported"
    assert torch.allclose(logits_of(load_tiny(again)[0]), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "text"), [*((name, text) for name, (text, *_) in WHOLES.items()), ("mistral3", "ministral3")]
)
def test_no_b_is_lost_on_the_published_checkpoint(tmp_path: Path, name: str, text: str) -> None:
    """PEFT leaves B at zero, with a warning at most, where it doesn't know a tensor's name."""
    whole = write_whole(tmp_path / "base", name, text)
    without = logits_of(whole)
    config = tiny_config(str(tmp_path / "base"), lora__use_qlora=False)
    config.model.dtype = "fp32"
    model, _ = load_tiny(config)
    trained = {layer: weight for layer, weight in model.named_parameters() if "lora_B" in layer}
    for weight in trained.values():
        torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    adapter = renamed(read_adapter(tmp_path / "adapter"), names_in_whole(AutoConfig.from_pretrained(tmp_path / "base")))
    (tmp_path / "out").mkdir()
    write_adapter(adapter, "b", tiny_tokenizer(), None, tmp_path / "out")
    loaded = PeftModel.from_pretrained(whole, tmp_path / "out")
    found = {layer: weight for layer, weight in loaded.named_parameters() if "lora_B" in layer}
    assert len(found) == len(trained) >= 7
    assert all(weight.abs().max() > 0.05 for weight in found.values())
    expected = logits_of(model)
    assert torch.allclose(logits_of(loaded), expected, atol=1e-4)
    assert (expected - without).abs().max() > 0.1


def test_vllm_is_not_handed_an_adapter_with_the_text_parts_names(tmp_path: Path) -> None:
    write_whole(tmp_path / "base", "mistral3", "mistral")
    config = tiny_config(str(tmp_path / "base"), lora__use_qlora=False, lora__target_modules=["q_proj"])
    load_tiny(config)[0].save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    config.lora.adapter = str(tmp_path / "adapter")
    base = AutoConfig.from_pretrained(tmp_path / "base")
    with pytest.raises(YoyakError) as caught:
        refuse_text_names(config, base)
    assert str(caught.value) == (
        f"{tmp_path}/adapter: names its layers as the text part alone does, and vLLM loads the whole mistral3 model; "
        f"export it first (yoyak export --to adapter --adapter {tmp_path}/adapter --out FOLDER) and serve that"
    )
    whole = names_in_whole(base)
    (tmp_path / "out").mkdir()
    write_adapter(renamed(read_adapter(tmp_path / "adapter"), whole), "b", tiny_tokenizer(), None, tmp_path / "out")
    config.lora.adapter = str(tmp_path / "out")
    refuse_text_names(config, base)


def test_a_text_part_without_a_class_of_its_own_is_refused(tmp_path: Path) -> None:
    config = AutoConfig.for_model("qwen3_vl")
    config.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(YoyakError) as caught:
        load_tiny(tiny_config(str(tmp_path)))
    assert str(caught.value) == (
        f"model.checkpoint = {tmp_path}: a model of type qwen3_vl, whose text part (qwen3_vl_text) transformers has no "
        "class for; name a text model"
    )


def test_names_of_layers() -> None:
    assert names_in_whole(architecture_config("llama")) == {}
    layer = "layers.0.self_attn.q_proj.lora_A.weight"
    for whole in (f"model.language_model.{layer}", f"language_model.model.{layer}", f"model.{layer}"):
        assert name_in_text(f"base_model.model.{whole}") == f"base_model.model.model.{layer}"
