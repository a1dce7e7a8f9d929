"""The layouts that prompts come in: the instruction format's headings and the families' messages."""

from typing import TYPE_CHECKING

from ...errors import YoyakError
from .families import Family
from .own_template import empty_reasoning
from .prompt_pieces import PromptPieces
from .round_trip import own_encoding
from .text_encoder import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def instruction_pieces(tokenizer: "PreTrainedTokenizerFast", family: Family | None, instruction: str) -> PromptPieces:
    """Return the headings around a dialogue, with the instruction under the first."""
    end_id = tokenizer.eos_token_id
    if family is not None and (end_id is None or end_id == tokenizer.pad_token_id):
        end_id = tokenizer.convert_tokens_to_ids(family.end_of_turn)
    if end_id is None:
        raise YoyakError("the tokenizer has no end-of-sequence token, so a summary could not end; set its eos_token")
    start = bos_ids(tokenizer, family, is_chat=False)
    lead = f"### Instruction:\n{instruction}\n\n### Input:\n"
    return PromptPieces([], lead, "\n\n### Response:\n", [], int(end_id), tuple(start))


def bos_ids(tokenizer: "PreTrainedTokenizerFast", family: Family | None, is_chat: bool = True) -> list[int]:
    """Return the ids that start a text: one BOS where the family has one, else what the tokenizer itself puts there.

    ChatML's chats have none, whatever the tokenizer does.
    """
    if is_chat and family is not None and family.bos is None:
        return []
    backend = tokenizer.backend_tokenizer
    known = backend.token_to_id(family.bos) if family is not None and family.bos is not None else None
    if known is not None:
        return [int(known)]
    # Of no known family, or given its control tokens later.
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


def family_pieces(
    tokenizer: "PreTrainedTokenizerFast",
    encoder: TextEncoder,
    family: Family,
    system: str,
    sentence: str,
    empty_block: bool = True,
) -> PromptPieces:
    """Return a family's messages: system text (where there is one), dialogue below its sentence, and answer.

    `empty_block` puts the empty reasoning block of hybrid models before the answer.
    """
    ids = {token: _control_id(tokenizer, token) for token in family.control_tokens}
    end = ids[family.end_of_turn]
    answer_now = empty_reasoning(tokenizer, encoder) if empty_block else []
    if family.name == "llama":
        start, stop = ids["<|start_header_id|>"], ids["<|end_header_id|>"]

        def header(role: str) -> list[int | str]:
            return [start, role, stop]

        opening = [*header("system"), "\n\n" + system, end] if system else []
        head = [*bos_ids(tokenizer, family), *opening, *header("user")]
        tail = [end, *header("assistant"), "\n\n", *answer_now]
        return PromptPieces(head, f"\n\n{sentence}\n", "", tail, end)
    start = ids["<|im_start|>"]
    opening = [start, "system\n" + system, end, "\n"] if system else []
    tail = [end, "\n", start, "assistant\n", *answer_now]
    return PromptPieces([*opening, start], f"user\n{sentence}\n", "", tail, end)
