"""The layouts that prompts come in: the instruction format's headings and the messages of chats."""

import re
from typing import TYPE_CHECKING

from ...architectures import CHAT_LAYOUTS, ChatLayout, ChatTemplate
from ...errors import YoyakError
from .own_template import empty_reasoning
from .prompt_pieces import PromptPieces, merge_texts
from .round_trip import own_encoding
from .text_encoder import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def layout_of(tokenizer: "PreTrainedTokenizerFast", chat_template: ChatTemplate | None = "auto") -> ChatLayout | None:
    """Return the chat layout that is named, else the one whose control tokens a tokenizer has, or None.

    It is not asked of the model's architecture: SmolLM2 is a Llama with a ChatML tokenizer.
    """
    if chat_template is not None and chat_template != "auto":
        return CHAT_LAYOUTS[chat_template]
    added = set(tokenizer.get_added_vocab())
    return next((layout for layout in CHAT_LAYOUTS.values() if added.issuperset(layout.control_tokens)), None)


def instruction_pieces(
    tokenizer: "PreTrainedTokenizerFast", layout: ChatLayout | None, instruction: str
) -> PromptPieces:
    """Return the headings around a dialogue, with the instruction under the first."""
    end_id = tokenizer.eos_token_id
    if layout is not None and (end_id is None or end_id == tokenizer.pad_token_id):
        end_id = tokenizer.convert_tokens_to_ids(layout.end_of_turn)
    if end_id is None:
        raise YoyakError("the tokenizer has no end-of-sequence token, so a summary could not end; set its eos_token")
    start = bos_ids(tokenizer, layout, is_chat=False)
    lead = f"### Instruction:\n{instruction}\n\n### Input:\n"
    return PromptPieces([], lead, "\n\n### Response:\n", [], int(end_id), tuple(start))


def bos_ids(tokenizer: "PreTrainedTokenizerFast", layout: ChatLayout | None, is_chat: bool = True) -> list[int]:
    """Return the ids that start a text: one BOS where the layout has one, else what the tokenizer itself puts there.

    ChatML's chats have none, whatever the tokenizer does.
    """
    if is_chat and layout is not None and layout.bos is None:
        return []
    backend = tokenizer.backend_tokenizer
    known = backend.token_to_id(layout.bos) if layout is not None and layout.bos is not None else None
    if known is not None:
        return [int(known)]
    # Of no known layout, or given its control tokens later.
    encoding = own_encoding(backend, "a", add_special_tokens=True)
    return encoding.ids[: encoding.special_tokens_mask.index(0)]


def _control_id(tokenizer: "PreTrainedTokenizerFast", token: str) -> int:
    token_id = tokenizer.backend_tokenizer.token_to_id(token)
    if token_id is None:
        raise YoyakError(
            f"the tokenizer has no token {token}, which this chat layout needs; check model.chat_template, "
            "or load it with LoRALoader, which adds it"
        )
    return int(token_id)


def chat_pieces(
    tokenizer: "PreTrainedTokenizerFast",
    encoder: TextEncoder,
    layout: ChatLayout,
    system: str,
    sentence: str,
    empty_block: bool = True,
) -> PromptPieces:
    """Return a chat's messages: system text (where there is one), dialogue below its sentence, and answer.

    `empty_block` puts the empty reasoning block of hybrid models before the answer.
    """
    ids = {token: _control_id(tokenizer, token) for token in layout.control_tokens}
    at_tokens = re.compile(f"({'|'.join(map(re.escape, ids))})")

    def parts(text: str) -> list[int | str]:
        return [ids.get(part, part) for part in at_tokens.split(text) if part]

    def header(role: str) -> list[int | str]:
        return parts(layout.before_role + role + layout.before_content)

    after = parts(layout.after_content)
    opening = [*header("system"), system, *after] if system else []
    *head, lead = merge_texts([*bos_ids(tokenizer, layout), *opening, *header("user"), f"{sentence}\n"])
    answer_now = empty_reasoning(tokenizer, encoder) if empty_block else []
    tail = merge_texts([*after, *header("assistant")]) + answer_now
    return PromptPieces(head, str(lead), "", tail, ids[layout.end_of_turn])
