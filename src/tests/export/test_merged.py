"""Merging: what comes out computes what the adapter on its base computed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, LlamaForCausalLM

from src.config import load_config
from src.data.prompt.templates import configured_prompt
from src.errors import YoyakError
from src.export.check import check_examples, mean_loss
from src.export.merged import merge_adapter, merged_weight, parameter_count, save_merged, set_generation
from src.models.lora_loader import LoRALoader
from src.tests.export.small_models import logits_of, small_model
from src.tests.tiny_models import (
    DIALOGUES,
    HIDDEN,
    SUMMARIES,
    load_tiny,
    logits,
    tiny_config,
    tiny_dataset,
    tiny_tokenizer,
    train_tiny,
    write_tiny_model,
)

pytestmark = pytest.mark.usefixtures("fp32_machine")

VARIANTS: list[dict[str, Any]] = [
    {},
    {"lora__use_rslora": True},
    {"lora__use_dora": True},
    {"lora__init": "eva"},
    {"lora__init": "orthogonal", "lora__use_dora": True, "lora__use_rslora": True},
    {"lora__target_modules": ["q_proj", "down_proj"]},
    {"lora__use_qlora": False},
    {"lora__use_qlora": False, "lora__use_dora": True},
    {"lora__use_qlora": False, "lora__init": "pissa"},
]


def title(settings: dict[str, Any]) -> str:
    return " ".join(f"{name[6:]}={value}" for name, value in settings.items()) or "default"


def layer(weight: list[list[float]], a: list[list[float]], b: list[list[float]], **settings: Any) -> Any:
    """Return PEFT's layer for a 2 x 2 weight with factors of rank 1."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    model[0].weight.data = torch.tensor(weight)
    adapted = get_peft_model(model, LoraConfig(r=1, target_modules=["0"], **settings)).base_model.model[0]
    adapted.lora_A["default"].weight.data = torch.tensor(a)
    adapted.lora_B["default"].weight.data = torch.tensor(b)
    return adapted


def test_the_sum_by_hand() -> None:
    # alpha / r = 2; B A = [[1], [2]] [[3, -1]] = [[3, -1], [6, -2]]
    adapted = layer([[1.0, 0.0], [0.0, 1.0]], [[3.0, -1.0]], [[1.0], [2.0]], lora_alpha=2)
    assert merged_weight(adapted).tolist() == [[7.0, -2.0], [12.0, -3.0]]


def test_dora_by_hand() -> None:
    # W + B A = [[3, 4], [0, 2]], rows of length 5 and 2; magnitudes 10 and 3.
    adapted = layer([[2.0, 3.0], [0.0, 2.0]], [[1.0, 1.0]], [[1.0], [0.0]], lora_alpha=1, use_dora=True)
    adapted.lora_magnitude_vector["default"].weight.data = torch.tensor([10.0, 3.0])
    assert merged_weight(adapted).tolist() == [[6.0, 8.0], [0.0, 3.0]]


@pytest.mark.parametrize("settings", VARIANTS, ids=title)
def test_every_variant_computes_the_same_merged(tmp_path: Path, settings: dict[str, Any]) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, **settings)
    plain, _ = LoRALoader(config).load_model_and_tokenizer(False, config.lora.use_qlora, trainable=False)
    model, tokenizer = load_tiny(config)
    train_tiny(config, model, tokenizer)
    adapted = logits(model)
    assert (adapted - logits(plain)).abs().max() > 0.05
    merged = merge_adapter(model, torch.float32)
    assert not any("lora" in name for name, _ in merged.named_modules())
    assert torch.allclose(logits(merged), adapted, atol=2e-4)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_16_bit_differs_by_16_bit_noise(tmp_path: Path, family: str) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base", family), tmp_path, training__max_steps=3)
    model, tokenizer = load_tiny(config)
    train_tiny(config, model, tokenizer)
    adapted, examples = logits(model), tiny_dataset(tokenizer).prompt.encode_examples(DIALOGUES, SUMMARIES)
    loss = mean_loss(model, examples)
    merged = merge_adapter(model, torch.bfloat16)
    assert {weight.dtype for weight in merged.parameters()} == {torch.bfloat16}
    rounded = logits(merged.float())
    assert mean_loss(merged, examples) == pytest.approx(loss, abs=0.02)
    # bf16 keeps 8 bits: a relative 0.004 a weight, which adds up over the layers to about that much of the logits.
    noise = ((rounded - adapted).norm() / adapted.norm()).item()
    assert 1e-4 < noise < 0.02


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("use_qlora", [False, True])
def test_rows_of_added_tokens_are_merged(tmp_path: Path, tied: bool, use_qlora: bool) -> None:
    folder = write_tiny_model(tmp_path / "base", "qwen3", tied=tied, tokenizer=tiny_tokenizer(()))
    config = tiny_config(folder, tmp_path, model__chat_template="qwen", lora__use_qlora=use_qlora)
    model, tokenizer = load_tiny(config)
    start = model.get_input_embeddings().weight[-2:].detach().clone()
    train_tiny(config, model, tokenizer)
    adapted = logits(model)
    merged = merge_adapter(model, torch.float32)
    assert merged.config.tie_word_embeddings is tied
    assert torch.allclose(logits(merged), adapted, atol=2e-4)
    rows = merged.get_input_embeddings().weight
    assert rows.shape == (260, HIDDEN)  # 257 and pad, <|im_start|>, <|im_end|>
    assert (rows[-2:] - start).abs().max() > 1e-3
    save_merged(merged, tokenizer, None, tmp_path / "merged")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    assert torch.equal(logits(again), logits(merged))
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").convert_tokens_to_ids("<|im_end|>") == 259


@pytest.mark.parametrize("settings", [{}, {"bias": "lora_only"}, {"lora_bias": True}], ids=str)
def test_biases_are_kept_and_merged(settings: dict[str, Any]) -> None:
    torch.manual_seed(1)
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False, **settings)
    adapted = get_peft_model(small_model("qwen2"), config).eval()
    for name, weight in adapted.named_parameters():
        if name.endswith("bias"):
            weight.data.normal_()
    before = logits_of(adapted)
    merged = merge_adapter(adapted, torch.float32)
    assert torch.allclose(logits_of(merged), before, atol=2e-4)
    assert merged.model.layers[0].self_attn.q_proj.bias is not None


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # PEFT asks for it
def test_a_bias_without_a_place_is_refused() -> None:
    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False, lora_bias=True)
    with pytest.warns(UserWarning, match="lora_bias"):
        adapted = get_peft_model(small_model("llama"), config)
    with pytest.raises(YoyakError, match=r"bias can't be merged: model.layers.1.self_attn.q_proj has none"):
        merge_adapter(adapted, torch.float32)


def test_what_float16_does_not_hold_is_refused() -> None:
    model = small_model("llama")
    model.model.layers[1].mlp.up_proj.weight.data[0, 0] = 70_000.0
    with pytest.raises(YoyakError, match=r"model.layers.1.mlp.up_proj.weight is beyond the range of float16; use bf16"):
        merge_adapter(model, torch.float16)
    model.model.layers[1].mlp.up_proj.weight.data[0, 0] = float("nan")
    with pytest.raises(YoyakError, match="not finite: the adapter or its base is broken"):
        merge_adapter(model, torch.bfloat16)


def test_the_folder_is_a_plain_model(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path)
    model, tokenizer = load_tiny(config)
    assert "quantization_config" in model.config.to_dict()
    merged = merge_adapter(model, torch.bfloat16)
    set_generation(merged, tokenizer, 258, 16)
    save_merged(merged, tokenizer, "{{ messages }}", tmp_path / "merged")
    names = {path.name for path in (tmp_path / "merged").iterdir()}
    assert names == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    }
    written = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert (written["dtype"], written["use_cache"], written["eos_token_id"]) == ("bfloat16", True, [258, 256])
    assert "quantization_config" not in written
    generation = json.loads((tmp_path / "merged" / "generation_config.json").read_text())
    assert (generation["do_sample"], generation["max_new_tokens"]) == (False, 16)
    assert generation["eos_token_id"] == [258, 256]
    assert (tmp_path / "merged" / "chat_template.jinja").read_text() == "{{ messages }}"
    assert tokenizer.chat_template is None  # the loaded tokenizer is left alone
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert torch.equal(again.lm_head.weight, merged.lm_head.weight)


def test_parameters_are_counted(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", rows=300)
    # 300 x 64; 2 layers of q, o 64 x 64, k, v 32 x 64, gate, up, down 128 x 64 and 2 norms of 64; a last norm
    count = 300 * 64 + 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 128 * 64 + 2 * 64) + 64
    for use_qlora in (False, True):
        model, _ = load_tiny(tiny_config(folder, lora__use_qlora=use_qlora))
        assert parameter_count(model) == count == 93_248


@pytest.mark.slow
def test_an_adapter_on_the_bundled_model_keeps_its_loss_and_logits(tmp_path: Path) -> None:
    """QLoRA on real weights; the adapter is random, so that it changes more than what is allowed to differ."""
    config = load_config("quickstart", [])
    model, tokenizer = LoRALoader(config).load_model_and_tokenizer(use_lora=True, use_qlora=True)
    examples = check_examples(config, configured_prompt(config, tokenizer), 4)
    ids = torch.tensor([examples[0].input_ids])
    model.eval()
    with torch.no_grad():
        base = model(input_ids=ids).logits  # a new adapter adds nothing
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # 0.3 would ruin the model: a loss of 13.9, beyond uniform guesses, magnifies all rounding
            nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():
        loss, adapted = mean_loss(model, examples), model(input_ids=ids).logits
    assert ((base - adapted).norm() / adapted.norm()).item() > 0.2
    assert loss < 4
    save_merged(merge_adapter(model, torch.bfloat16), tokenizer, None, tmp_path)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert mean_loss(merged, examples) == pytest.approx(loss, abs=0.01)
    with torch.no_grad():
        difference = merged(input_ids=ids).logits - adapted
    assert (difference.norm() / adapted.norm()).item() < 0.02


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False")
def test_transposed_weights_are_merged() -> None:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=260, n_embd=64, n_layer=1, n_head=4, n_positions=64)).eval()
    layers = ["c_attn", "c_proj"]  # the second one is square: transposed, it would fit as well
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=layers, init_lora_weights=False)).eval()
    before = logits_of(adapted)
    assert torch.allclose(logits_of(merge_adapter(adapted, torch.float32)), before, atol=2e-4)


def test_an_unknown_variant_is_refused() -> None:
    config = LoraConfig(r=2, target_modules=["q_proj"], alora_invocation_tokens=[1], task_type="CAUSAL_LM")
    with pytest.raises(YoyakError, match=r"merging: aLoRA in model.layers.0.self_attn.q_proj, which is not computed"):
        merge_adapter(get_peft_model(small_model("llama"), config), torch.float32)


def test_the_tokenizer_of_a_merged_model_pads_left(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(pad_token="<|im_start|>")
    tokenizer.padding_side = "right"
    save_merged(merge_adapter(small_model("llama"), torch.float32), tokenizer, None, tmp_path)
    assert tokenizer.padding_side == "right"  # the loaded one is left alone
    written = AutoTokenizer.from_pretrained(tmp_path)
    assert written.padding_side == "left"
    assert written(["ab", "a"], padding=True).attention_mask == [[1, 1], [0, 1]]


def test_the_class_of_the_checkpoint_stays() -> None:
    class Halved(LlamaForCausalLM):
        def forward(self, *arguments: Any, **settings: Any) -> Any:
            output = super().forward(*arguments, **settings)
            output.logits = output.logits / 2
            return output

    model = Halved(small_model("llama").config).eval()
    before = logits_of(model)
    merged = merge_adapter(model, torch.float32)
    assert type(merged) is Halved
    assert torch.equal(logits_of(merged), before)
