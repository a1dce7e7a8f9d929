"""A chat layout comes from a setting, the tokenizer's tokens or the model's config, never from a checkpoint's name."""

from pathlib import Path

import pytest

from src.architectures import CHAT_LAYOUTS
from src.data.prompt.layouts import layout_of
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import CHATML, LLAMA3, tiny_config, tiny_tokenizer, write_tiny_model


@pytest.mark.parametrize(
    ("tokens", "name"),
    [(LLAMA3, "llama"), (CHATML, "qwen"), (LLAMA3[:2], None), (CHATML[:1], None), ((), None)],
)
def test_a_layout_needs_all_of_its_tokens(tokens: tuple[str, ...], name: str | None) -> None:
    layout = layout_of(tiny_tokenizer(tokens))
    assert (layout.name if layout else None) == name
    assert layout_of(tiny_tokenizer(tokens), None) is layout


def test_a_named_layout_is_taken_whatever_the_tokenizer_has() -> None:
    assert layout_of(tiny_tokenizer(CHATML), "llama") is CHAT_LAYOUTS["llama"]
    assert layout_of(tiny_tokenizer(()), "qwen") is CHAT_LAYOUTS["qwen"]


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
    layout = loader._layout(tokenizer, model.config.model_type)
    assert layout is CHAT_LAYOUTS[expected]
    assert set(layout.control_tokens) <= set(tokenizer.get_added_vocab())
