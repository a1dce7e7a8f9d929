"""The family comes from the config, the tokenizer's tokens or the template's name, never from the checkpoint's name."""

from pathlib import Path

import pytest
from transformers import GPT2Config, LlamaConfig, Qwen2Config, Qwen3Config

from src.data.prompt.families import FAMILIES, family_of_config, family_of_tokenizer
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import CHATML, LLAMA3, tiny_config, tiny_tokenizer, write_tiny_model


@pytest.mark.parametrize(
    ("config", "name"), [(LlamaConfig(), "llama"), (Qwen2Config(), "qwen"), (Qwen3Config(), "qwen")]
)
def test_family_of_a_models_own_config(config: LlamaConfig, name: str) -> None:
    family = family_of_config(config)
    assert family is FAMILIES[name]


def test_a_model_of_neither_family_has_none() -> None:
    assert family_of_config(GPT2Config()) is None


@pytest.mark.parametrize(
    ("tokens", "name"),
    [(LLAMA3, "llama"), (CHATML, "qwen"), (LLAMA3[:2], None), (CHATML[:1], None), ((), None)],
)
def test_family_of_a_tokenizer_needs_all_of_its_tokens(tokens: tuple[str, ...], name: str | None) -> None:
    family = family_of_tokenizer(tiny_tokenizer(tokens))
    assert (family.name if family else None) == name


def test_the_families_tokens_are_those_of_the_specification() -> None:
    assert FAMILIES["llama"].control_tokens == ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    assert FAMILIES["qwen"].control_tokens == ("<|im_start|>", "<|im_end|>")
    assert (FAMILIES["llama"].end_of_turn, FAMILIES["qwen"].end_of_turn) == ("<|eot_id|>", "<|im_end|>")
    assert (FAMILIES["llama"].bos, FAMILIES["qwen"].bos) == ("<|begin_of_text|>", None)


@pytest.mark.parametrize(
    ("family", "tokens", "template", "expected"),
    [
        ("llama", (), "auto", "llama"),  # no tokens: the model's own config
        ("qwen3", (), "auto", "qwen"),
        ("llama", CHATML, "auto", "qwen"),  # a Llama with a ChatML tokenizer, as SmolLM2
        ("qwen3", CHATML, "llama", "llama"),  # the YAML's word comes first
    ],
)
def test_a_misleading_name_misleads_nothing(
    tmp_path: Path, family: str, tokens: tuple[str, ...], template: str, expected: str
) -> None:
    misleading = "Qwen-llama-qwen" if family == "llama" else "Llama-3.2-3B"
    folder = write_tiny_model(tmp_path / misleading, family, tokenizer=tiny_tokenizer(tokens))
    loader = LoRALoader(tiny_config(folder, model__chat_template=template))
    model, tokenizer = loader.load_model_and_tokenizer(use_lora=False)
    assert loader._family(tokenizer, model).name == expected
    assert set(FAMILIES[expected].control_tokens) <= set(tokenizer.get_added_vocab())
