"""Which of a tokenizer's added tokens are control tokens, which text must never become."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...architectures import CHAT_LAYOUTS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MARKUP = frozenset("<>[]{}|｜")
_BARS = ("<|", "|>"), ("<｜", "｜>")
_LAYOUTS = {
    token for layout in CHAT_LAYOUTS.values() for token in (*layout.control_tokens, layout.bos, *layout.pad_candidates)
}


@dataclass(frozen=True)
class ControlToken:
    """A control token's id, and whether it takes the white space on its sides with it (as Phi-3's do)."""

    id: int
    lstrip: bool = False
    rstrip: bool = False


def control_tokens(tokenizer: "PreTrainedTokenizerFast", state: dict[str, Any]) -> dict[str, ControlToken]:
    """Return a tokenizer's control tokens by their text; `state` is the content of its tokenizer.json.

    An added token is one where it is special, where a chat layout names it, or where it looks like markup and the
    tokenizer's own template names it, it is written as `<|...|>`, or the model's own vocabulary lacks it: Qwen3's
    `<think>` and `<tool_call>` came after the text had been learnt. All other added tokens are text: white space
    (Gemma's newlines, GPT-NeoX's runs of spaces), words that someone added, markup that the vocabulary was trained
    with (Gemma's `<table>`).
    """
    vocabulary = state["model"]["vocab"]
    learnt = vocabulary if isinstance(vocabulary, dict) else {piece for piece, _ in vocabulary}
    special = set(tokenizer.all_special_ids)
    roles = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    template = str(tokenizer.chat_template or "")

    def is_control(token: dict[str, Any]) -> bool:
        text = token["content"]
        if not text.replace("▁", " ").strip():
            return token["id"] in roles
        if token["special"] or token["id"] in special or text in _LAYOUTS:
            return True
        if _MARKUP.isdisjoint(text):
            return False
        in_bars = any(text.startswith(left) and text.endswith(right) for left, right in _BARS)
        return in_bars or text in template or text not in learnt

    return {
        token["content"]: ControlToken(token["id"], token["lstrip"], token["rstrip"])
        for token in state["added_tokens"]
        if is_control(token)
    }
