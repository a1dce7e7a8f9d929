"""Tokenizers for tests: tiny ones whose ids are the bytes, the real ones beside the repository, the bundled one."""

from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from src.models.bundled import BUNDLED_MODELS, bundled_path, is_whole

SHARED = Path(__file__).resolve().parents[3] / "shared"

# Ids of the tiny tokenizers: 0 to 255 are the bytes themselves, 256 is a blank line, 258 is the syllable 요
# (257 its first two bytes), and the added tokens follow in this order.
BLANK_LINE, YO = 256, 258
_ADDED = {
    "llama": [
        "<|begin_of_text|>",  # 259
        "<|end_of_text|>",  # 260
        "<|start_header_id|>",  # 261
        "<|end_header_id|>",  # 262
        "<|eot_id|>",  # 263
        "<|finetune_right_pad_id|>",  # 264
    ],
    "chatml": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"],  # 259 to 263
    "plain": ["<s>", "</s>"],  # 259, 260
}
_NOT_SPECIAL = {"<think>", "</think>"}  # as in Qwen3, where skip_special_tokens keeps them
_ROLES = {
    "llama": {
        "bos_token": "<|begin_of_text|>",
        "eos_token": "<|end_of_text|>",
        "pad_token": "<|finetune_right_pad_id|>",
    },
    # A bos_token that ChatML must not use: SmolLM2 and Qwen checkpoints name one too.
    "chatml": {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    "plain": {"bos_token": "<s>", "eos_token": "</s>"},
}

Kind = Literal["llama", "chatml", "plain"]

# Chat templates for the tiny tokenizers.
LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_tokenizer(kind: Kind, adds_bos: bool | None = None) -> PreTrainedTokenizerFast:
    """Return a new byte-level BPE tokenizer with the control tokens of a family, or (`plain`) of none.

    `adds_bos` says whether the tokenizer itself puts a BOS before a text; by default only Llama's does.
    """
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = bytes_to_unicode()
    vocabulary = {letters[byte]: byte for byte in range(256)}
    newline, first, second, third = letters[10], *(letters[byte] for byte in "요".encode())
    vocabulary |= {newline * 2: 256, first + second: 257, first + second + third: 258}
    merges = [(newline, newline), (first, second), (first + second, third)]
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_tokens([AddedToken(t, special=t not in _NOT_SPECIAL, normalized=False) for t in _ADDED[kind]])
    if kind == "llama" if adds_bos is None else adds_bos:
        bos = _ADDED[kind][0]
        backend.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, 259)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, **_ROLES[kind])


@cache
def shared_tokenizer(name: Literal["llama3", "qwen3"]) -> PreTrainedTokenizerFast:
    """Return a real tokenizer of `../shared/tokenizers`; skips the test where that folder is absent."""
    folder = SHARED / "tokenizers" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    return AutoTokenizer.from_pretrained(folder)


@cache
def smollm2_tokenizer() -> PreTrainedTokenizerFast:
    """Return the bundled model's tokenizer; skips the test where the model is not converted yet."""
    folder = bundled_path("smollm2-135m")
    if not is_whole(folder, BUNDLED_MODELS["smollm2-135m"]):
        pytest.skip("the bundled model is not converted here; run: yoyak models fetch smollm2-135m")
    return AutoTokenizer.from_pretrained(folder)
