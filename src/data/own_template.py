"""A tokenizer's own chat template, taken apart into ids and text, the same on every day."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import YoyakError
from .text_encoder import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PromptPieces = tuple[list[int], str, str, list[int], int]
"""head_ids, lead, trail, tail_ids and end_id of a `PromptTemplate`."""

# What a template may print of the current day; fixed so that training and use see the same prompt.
FIXED_DATE = datetime(2024, 7, 26)

# Put before a template, this hides transformers' function of that name (which can't be given: it takes data only).
_FIXED_CLOCK = (
    "{% macro strftime_now(layout) %}{{ layout"
    + "".join(f"|replace('%{part}', '{FIXED_DATE.strftime('%' + part)}')" for part in "aAbBdHIjmMpSyY")
    + " }}{% endmacro +%}"
)

_SYSTEM_MARK, _USER_MARK, _SUMMARY_MARK = "\x02system\x03", "\x02user\x03", "\x02summary\x03"


def own_template_pieces(
    tokenizer: "PreTrainedTokenizerFast", encoder: TextEncoder, system: str, sentence: str
) -> PromptPieces:
    """Take a tokenizer's own template apart: rendered once with marks in place of the texts, split at its tokens.

    Raises:
        YoyakError: there is no template, or one that does not take these messages as they are.
    """
    if not tokenizer.chat_template:
        raise YoyakError("the tokenizer has no chat template of its own; set model.chat_template to llama or qwen")
    prompt_messages = [{"role": "user", "content": _USER_MARK}]
    if system:
        prompt_messages.insert(0, {"role": "system", "content": _SYSTEM_MARK})

    prompt = _render(tokenizer, prompt_messages, True)
    whole = _render(tokenizer, [*prompt_messages, {"role": "assistant", "content": _SUMMARY_MARK}], False)
    if prompt.count(_USER_MARK) != 1 or whole.count(_SUMMARY_MARK) != 1:
        raise YoyakError("the tokenizer's chat template changes its messages; set model.chat_template to llama or qwen")
    if prompt.count(_SYSTEM_MARK) != bool(system):
        raise YoyakError('the tokenizer\'s chat template has no system message; set dataset.system=""')
    before, after = (_parts(tokenizer, part) for part in prompt.split(_USER_MARK))
    # The system text goes in after the split: control tokens in it stay text.
    before = [part if isinstance(part, int) else part.replace(_SYSTEM_MARK, system) for part in before]
    lead = str(before.pop()) if before and isinstance(before[-1], str) else ""
    trail = str(after.pop(0)) if after and isinstance(after[0], str) else ""
    head, tail = _encode_parts(encoder, before), _encode_parts(encoder, after)
    end_parts = [part for part in _parts(tokenizer, whole.split(_SUMMARY_MARK)[1]) if isinstance(part, int)]
    if not end_parts:
        raise YoyakError("the tokenizer's chat template has no end token; set model.chat_template to llama or qwen")
    return head, f"{lead}{sentence}\n", trail, tail, end_parts[0]


def _render(tokenizer: "PreTrainedTokenizerFast", messages: list[dict[str, str]], add_generation_prompt: bool) -> str:
    """Render messages on the fixed date, with thinking off."""
    from jinja2 import TemplateError

    try:
        # `enable_thinking` is Qwen3's; other templates ignore it.
        return str(
            tokenizer.apply_chat_template(
                messages,
                chat_template=_FIXED_CLOCK + tokenizer.get_chat_template(),
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                enable_thinking=False,
            )
        )
    except TemplateError as error:
        raise YoyakError(
            f"the tokenizer's chat template refuses the messages ({' '.join(str(error).split())}); "
            'set dataset.system="", or model.chat_template to llama or qwen'
        ) from error


def _parts(tokenizer: "PreTrainedTokenizerFast", rendered: str) -> list[int | str]:
    """Split rendered text into control token ids and the texts between them."""
    added = tokenizer.get_added_vocab()
    if not added:
        return [rendered] if rendered else []
    pattern = "|".join(re.escape(token) for token in sorted(added, key=len, reverse=True))
    pieces = re.split(f"({pattern})", rendered)
    return [added.get(piece, piece) for piece in pieces if piece]


def _encode_parts(encoder: TextEncoder, parts: Sequence[int | str]) -> list[int]:
    ids: list[int] = []
    for part in parts:
        ids.extend([part] if isinstance(part, int) else encoder.encode(part))
    return ids
