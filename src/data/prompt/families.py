"""What differs between model families: the control tokens of their chat layout, and which pad token they offer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

FamilyName = Literal["llama", "qwen"]


@dataclass(frozen=True)
class Family:
    """Control tokens of a family's chat layout; `end_of_turn` ends each message and is what a summary ends with."""

    name: FamilyName
    control_tokens: tuple[str, ...]
    end_of_turn: str
    bos: str | None
    pad_candidates: tuple[str, ...]


FAMILIES: dict[FamilyName, Family] = {
    "llama": Family(
        name="llama",
        control_tokens=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        end_of_turn="<|eot_id|>",
        bos="<|begin_of_text|>",
        pad_candidates=("<|finetune_right_pad_id|>", "<|reserved_special_token_2|>"),
    ),
    "qwen": Family(
        name="qwen",
        control_tokens=("<|im_start|>", "<|im_end|>"),
        end_of_turn="<|im_end|>",
        bos=None,
        pad_candidates=("<|endoftext|>",),
    ),
}

# `model_type` in a checkpoint's config.json -> family. SmolLM2 is a `llama` with a ChatML tokenizer, so the
# tokenizer's own tokens are asked first.
_MODEL_TYPES: dict[str, FamilyName] = {"llama": "llama", "qwen2": "qwen", "qwen3": "qwen"}


def family_of_tokenizer(tokenizer: "PreTrainedTokenizerFast") -> Family | None:
    """Return the family whose control tokens are all in the vocabulary of `tokenizer`, or None."""
    added = tokenizer.get_added_vocab()
    for family in FAMILIES.values():
        if all(token in added for token in family.control_tokens):
            return family
    return None


def family_of_config(config: "PretrainedConfig") -> Family | None:
    """Return the family of a checkpoint by its own `model_type`, or None when it is of neither."""
    name = _MODEL_TYPES.get(config.model_type)
    return FAMILIES[name] if name else None
