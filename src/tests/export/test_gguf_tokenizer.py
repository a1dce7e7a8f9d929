"""How a tokenizer splits text, by llama.cpp's name."""

import json
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from src.errors import YoyakError
from src.export.gguf_tokenizer import pre_tokenizer_name
from src.tests.real_tokenizers import shared_tokenizer, smollm2_tokenizer, tiny_tokenizer

MERGES = [("a", "b")]


def state(pre_tokenizer: Any, model: Any = None) -> dict[str, Any]:
    """Return the tokenizer.json of a small BPE that splits as `pre_tokenizer` does."""
    backend = Tokenizer(model or models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=MERGES))
    if pre_tokenizer is not None:
        backend.pre_tokenizer = pre_tokenizer
    return json.loads(backend.to_str())


def byte_level(use_regex: bool, add_prefix_space: bool = False) -> Any:
    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=use_regex)


@pytest.mark.parametrize(("name", "expected"), [("llama3", "llama-bpe"), ("qwen3", "qwen2")])
def test_the_families_real_tokenizers(name: Any, expected: str) -> None:
    backend = shared_tokenizer(name).backend_tokenizer
    assert pre_tokenizer_name(json.loads(backend.to_str())) == expected


def test_the_bundled_tokenizer_splits_as_gpt2() -> None:
    # SmolLM2's own also splits digits; the one that came out of the GGUF file, and was trained with, does not.
    assert pre_tokenizer_name(json.loads(smollm2_tokenizer().backend_tokenizer.to_str())) == "gpt-2"


def test_digits_apart_are_smollm() -> None:
    digits = pre_tokenizers.Digits(individual_digits=True)
    assert pre_tokenizer_name(state(pre_tokenizers.Sequence([digits, byte_level(True)]))) == "smollm"
    together = pre_tokenizers.Digits(individual_digits=False)
    with pytest.raises(YoyakError, match="no known name for how this tokenizer splits text"):
        pre_tokenizer_name(state(pre_tokenizers.Sequence([together, byte_level(True)])))


def test_without_merges_any_name_is_right() -> None:
    backend = tiny_tokenizer("plain").backend_tokenizer
    unsplit = json.loads(backend.to_str())
    with pytest.raises(YoyakError, match="no known name"):
        pre_tokenizer_name(unsplit)
    unsplit["model"]["merges"] = []
    assert pre_tokenizer_name(unsplit) == "gpt-2"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (state(None), "no byte-level BPE"),
        (state(byte_level(True, add_prefix_space=True)), "no byte-level BPE without a space"),
        (state(byte_level(True), models.BPE(vocab={"a": 0}, merges=[], byte_fallback=True)), "BPE of another kind"),
        (state(byte_level(True), models.WordLevel(vocab={"a": 0})), "WordLevel of another kind"),
        (state(pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), byte_level(False)])), "no known name"),
    ],
)
def test_others_are_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(YoyakError, match=said):
        pre_tokenizer_name(content)
