"""Control tokens and the pad token: what is added, trained, saved, and what is left alone."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from src.decoder.decoder_obstacle import decoder_obstacle
from src.models.lora_loader import LoRALoader
from src.tests.chat_layouts import LAYOUTS, tokenizer_of
from src.tests.tiny_models import (
    CHATML,
    HIDDEN,
    LLAMA3,
    load_tiny,
    logits,
    reloaded,
    tiny_config,
    tiny_tokenizer,
    train_tiny,
    trained_gradients,
    write_tiny_model,
)

SHARED = Path(__file__).parents[4] / "shared" / "tokenizers"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/tokenizers is absent")


# Control tokens (traps 9 and 10)


def test_only_missing_control_tokens_are_added(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(("<|im_start|>", "<|tool|>", "<|fim|>"), extra_special_tokens=["<|tool|>", "<|fim|>"])
    folder = write_tiny_model(tmp_path / "base", tokenizer=tokenizer)
    loader = LoRALoader(tiny_config(folder, model__chat_template="qwen"))
    model, loaded = loader.load_model_and_tokenizer(use_lora=False)
    # 256 bytes, </s>, <|im_start|>, <|tool|>, <|fim|>; then <|im_end|>, then no more: <|pad|> came before the tokens.
    assert loaded.convert_tokens_to_ids(["<|im_start|>", "<|tool|>", "<|fim|>", "<|pad|>", "<|im_end|>"]) == [
        257,
        258,
        259,
        260,
        261,
    ]
    assert loader.added_token_ids == [261]
    assert {"<|tool|>", "<|fim|>"} <= set(loaded.all_special_tokens)
    assert model.get_input_embeddings().weight.shape == (262, HIDDEN)


def test_nothing_is_added_or_resized_where_all_tokens_are_there(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer((*CHATML, "<|endoftext|>"))
    folder = write_tiny_model(tmp_path / "base", "qwen3", tokenizer=tokenizer, rows=300)
    loader = LoRALoader(tiny_config(folder))
    model, loaded = loader.load_model_and_tokenizer(use_lora=False)
    assert (loader.added_token_ids, len(loaded), model.config.vocab_size) == ([], 260, 300)
    assert loaded.pad_token == "<|endoftext|>"


def test_new_rows_start_as_the_mean_of_the_others(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", tied=False, tokenizer=tiny_tokenizer(()))
    before = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model, _ = LoRALoader(tiny_config(folder, model__chat_template="qwen")).load_model_and_tokenizer(use_lora=False)
    # 257 old rows; <|pad|> 257, <|im_start|> 258, <|im_end|> 259.
    assert len(model.get_output_embeddings().weight) == 260
    for old, new in (
        (before.get_input_embeddings().weight, model.get_input_embeddings().weight),
        (before.get_output_embeddings().weight, model.get_output_embeddings().weight),
    ):
        assert torch.equal(new[:257], old)
        assert torch.allclose(new[257:], old.mean(dim=0).expand(3, HIDDEN))


def test_the_instruction_format_needs_no_control_tokens(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", tokenizer=tiny_tokenizer((), pad_token="</s>"), rows=258)
    loader = LoRALoader(tiny_config(folder, model__chat_template="llama", dataset__format_type="instruction"))
    _, loaded = loader.load_model_and_tokenizer(use_lora=False)
    assert (loader.added_token_ids, len(loaded)) == ([], 258)


@pytest.mark.parametrize("use_qlora", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("machine", ["fp32", "bf16"])
def test_added_rows_train_and_are_saved_alone(
    tmp_path: Path, tied: bool, use_qlora: bool, machine: str, request: pytest.FixtureRequest
) -> None:
    if machine == "bf16":
        request.getfixturevalue("bf16_machine")
    folder = write_tiny_model(tmp_path / "base", "qwen3", tied=tied, tokenizer=tiny_tokenizer(()))
    config = tiny_config(folder, tmp_path, model__chat_template="qwen", lora__use_qlora=use_qlora)
    model, tokenizer = load_tiny(config)
    gradients = trained_gradients(model, tokenizer) if machine == "fp32" else {}
    rows = {name: value for name, value in gradients.items() if "trainable_tokens" in name}
    if machine == "fp32":
        assert len(rows) == (1 if tied else 2)
        assert all(value.shape == (2, HIDDEN) and (value != 0).any(dim=1).all() for value in rows.values())
    before = logits(model)
    trained = train_tiny(config, model, tokenizer)
    after = logits(model)
    assert not torch.equal(before, after)
    with safe_open(f"{trained}/adapter_model.safetensors", framework="pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    saved_rows = {name: shape for name, shape in shapes.items() if ".lora_" not in name}
    assert len(saved_rows) == (1 if tied else 2)
    assert all(shape == [2, HIDDEN] for shape in saved_rows.values())
    assert torch.equal(logits(reloaded(config, trained)), after)


def test_llama_tokens_are_the_familys(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", tokenizer=tiny_tokenizer((*LLAMA3, "<|begin_of_text|>")))
    loader = LoRALoader(tiny_config(folder))
    _, tokenizer = loader.load_model_and_tokenizer(use_lora=False)
    assert loader._layout(tokenizer).name == "llama"
    assert loader.added_token_ids == []


@pytest.mark.parametrize("name", ["mistral", "mistral v3", "zephyr", "gemma", "gpt-oss"])
def test_a_checkpoint_with_its_own_template_gets_no_tokens(tmp_path: Path, name: str) -> None:
    """Rows of added tokens would train, and cost the fast engine and three of the exports."""
    folder = write_tiny_model(tmp_path / "base", tokenizer=tokenizer_of(LAYOUTS[name]), rows=300)
    loader = LoRALoader(tiny_config(folder))
    model, tokenizer = loader.load_model_and_tokenizer()
    assert loader.added_token_ids == []
    assert "<|eot_id|>" not in tokenizer.get_vocab()
    assert decoder_obstacle(model) is None


def test_an_adapter_with_rows_of_llamas_tokens_still_loads_on_such_a_checkpoint(tmp_path: Path) -> None:
    """Earlier versions added and trained them, though the checkpoint has a template of its own."""
    plain = tiny_tokenizer(())
    folder = write_tiny_model(tmp_path / "base", tokenizer=plain)
    config = tiny_config(folder, tmp_path)
    model, tokenizer = load_tiny(config)  # no template: the tokens of the config's family are added
    assert len(tokenizer.convert_tokens_to_ids(list(LLAMA3))) == 3
    trained, after = train_tiny(config, model, tokenizer), logits(model)
    plain.chat_template = LAYOUTS["mistral"].template
    plain.save_pretrained(folder)
    assert torch.equal(logits(reloaded(config, trained)), after)


# The pad token (trap 3)


def pad_of(folder: Path | str, **settings: object) -> tuple[str, str]:
    tokenizer = LoRALoader(tiny_config(str(folder), **settings))._load_tokenizer(str(folder))
    assert (tokenizer.padding_side, tokenizer.truncation_side) == ("left", "left")
    return tokenizer.pad_token, tokenizer.eos_token


def test_a_pad_token_that_is_the_end_token_is_replaced(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "a", tokenizer=tiny_tokenizer((*CHATML, "<|endoftext|>"), pad_token="</s>"))
    assert pad_of(folder) == ("<|endoftext|>", "</s>")


def test_a_pad_token_that_ends_turns_is_replaced(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "a", tokenizer=tiny_tokenizer(CHATML, pad_token="<|im_end|>"))
    assert pad_of(folder) == ("<|pad|>", "</s>")


def test_a_good_pad_token_is_kept(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer((*CHATML, "<|endoftext|>", "<|mine|>"), pad_token="<|mine|>")
    assert pad_of(write_tiny_model(tmp_path / "a", tokenizer=tokenizer)) == ("<|mine|>", "</s>")


@needs_shared
@pytest.mark.parametrize(
    ("name", "pad", "turn_end"),
    [("llama3", "<|reserved_special_token_2|>", "<|eot_id|>"), ("qwen3", "<|endoftext|>", "<|im_end|>")],
)
def test_the_real_tokenizers_get_a_pad_token_that_ends_nothing(name: str, pad: str, turn_end: str) -> None:
    plain = AutoTokenizer.from_pretrained(SHARED / name)
    size = len(plain)
    loader = LoRALoader(tiny_config(str(SHARED / name)))
    tokenizer = loader._configure_tokenizer(plain)
    assert tokenizer.pad_token in (pad, "<|finetune_right_pad_id|>")
    assert tokenizer.pad_token not in (tokenizer.eos_token, turn_end)
    assert len(tokenizer) == size
