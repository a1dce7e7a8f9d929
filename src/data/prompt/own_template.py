"""A tokenizer's own chat template, taken apart into ids and text, the same on every day."""

import re
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from ...architectures import CHAT_LAYOUTS
from ...bounds import TooMuchError, bounded
from ...errors import YoyakError
from .prompt_pieces import PromptPieces
from .reasoning import EMPTY_BLOCK, THINKING_OFF
from .text_encoder import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


# What a template may print of the current day; fixed so that training and use see the same prompt.
FIXED_DATE = datetime(2024, 7, 26)

# Put before a template, this hides transformers' function of that name (which can't be given: it takes data only).
_FIXED_CLOCK = (
    "{% macro strftime_now(layout) %}{{ layout"
    + "".join(f"|replace('%{part}', '{FIXED_DATE.strftime('%' + part)}')" for part in "aAbBdHIjmMpSyY")
    + " }}{% endmacro +%}"
)

_MOST_CHARS = 1 << 20
"""Of a template; the longest known have some 10,000."""
_SYSTEM_MARK, _USER_MARK, _SUMMARY_MARK = "\x02system\x03", "\x02user\x03", "\x02summary\x03"
_NAME_ONE = f"set model.chat_template to {' or '.join(CHAT_LAYOUTS)}"
_CHANGES = f"the tokenizer's chat template changes its messages; {_NAME_ONE}"


def own_template_pieces(
    tokenizer: "PreTrainedTokenizerFast", encoder: TextEncoder, system: str, sentence: str
) -> PromptPieces:
    """Take a tokenizer's own template apart: rendered with marks in place of the texts, split at its tokens.

    Where a template takes no system message, its text stands before the user's sentence.

    Raises:
        YoyakError: there is no template, or one that does not take these messages as they are.
    """
    if not tokenizer.chat_template:
        raise YoyakError(f"the tokenizer has no chat template of its own; {_NAME_ONE}")
    user = {"role": "user", "content": _USER_MARK}
    with_system = [{"role": "system", "content": _SYSTEM_MARK}, user]
    rendered = _rendered(tokenizer, with_system) if system and _takes_system(tokenizer, with_system) else None
    folds_system = bool(system) and rendered is None
    prompt, end = rendered or _rendered(tokenizer, [user])
    before, after = (_parts(encoder, part) for part in prompt.split(_USER_MARK))
    # The system text goes in after the split: control tokens in it stay text.
    before = [part if isinstance(part, int) else part.replace(_SYSTEM_MARK, system) for part in before]
    lead = str(before.pop()) if before and isinstance(before[-1], str) else ""
    if folds_system:
        lead += f"{system}\n\n"
    trail = str(after.pop(0)) if after and isinstance(after[0], str) else ""
    end_parts = _parts(encoder, end)
    before_end = str(end_parts.pop(0)) if end_parts and isinstance(end_parts[0], str) else ""
    if not end_parts:
        raise YoyakError(f"the tokenizer's chat template has no end token; {_NAME_ONE}")
    answer_trail = before_end if before_end.isspace() else ""  # anything else would become part of the summary
    return PromptPieces(before, f"{lead}{sentence}\n", trail, after, int(end_parts[0]), (), answer_trail, folds_system)


def empty_reasoning(tokenizer: "PreTrainedTokenizerFast", encoder: TextEncoder) -> list[int | str]:
    """Return the empty reasoning block, in parts, that a tokenizer's own template puts before an answer, if any.

    Hybrid models (Qwen3) were trained to answer at once behind it, and to reason first without it.
    """
    block = None
    if tokenizer.chat_template:
        with suppress(YoyakError):  # a template that does not take the messages says nothing about it
            block = EMPTY_BLOCK.search(_rendered(tokenizer, [{"role": "user", "content": _USER_MARK}])[0])
    return _parts(encoder, block[0]) if block else []


def _takes_system(tokenizer: "PreTrainedTokenizerFast", messages: list[dict[str, str]]) -> bool:
    """Tell whether a template takes a system message: some refuse it, some leave it out without a word."""
    try:
        return _SYSTEM_MARK in _render(tokenizer, messages, True)
    except YoyakError:
        return False


def _rendered(tokenizer: "PreTrainedTokenizerFast", messages: list[dict[str, str]]) -> tuple[str, str]:
    """Return the text before and after the answer to messages.

    It is what a conversation with an answer begins with: templates that ask for one otherwise leave a channel or a
    prefix to the model (gpt-oss, HyperCLOVA X), or open its reasoning (DeepSeek R1). Only an empty reasoning block is
    taken from there, which some leave out of conversations.

    Raises:
        YoyakError: the template refuses the messages, or changes their texts.
    """
    whole = _render(tokenizer, [*messages, {"role": "assistant", "content": _SUMMARY_MARK}], False)
    if whole.count(_SUMMARY_MARK) != 1:
        raise YoyakError(_CHANGES)
    prompt, end = whole.split(_SUMMARY_MARK)
    asked = _render(tokenizer, messages, True)
    if asked.startswith(prompt) and EMPTY_BLOCK.fullmatch(asked[len(prompt) :]):
        prompt = asked
    for mark in (_USER_MARK, _SYSTEM_MARK):
        if prompt.count(mark) != sum(message["content"] == mark for message in messages):
            raise YoyakError(_CHANGES)
    return prompt, end


def _render(tokenizer: "PreTrainedTokenizerFast", messages: list[dict[str, str]], add_generation_prompt: bool) -> str:
    """Render messages on the fixed date, with thinking off."""
    template = tokenizer.get_chat_template()
    try:
        if len(template) > _MOST_CHARS:
            raise TooMuchError(f"it has more than {_MOST_CHARS:,} characters")
        with bounded():
            return str(
                tokenizer.apply_chat_template(
                    messages,
                    chat_template=_FIXED_CLOCK + template,
                    tokenize=False,
                    add_generation_prompt=add_generation_prompt,
                    **THINKING_OFF,
                )
            )
    except Exception as error:  # a template is a program, whose expressions raise whatever they like
        said = " ".join(str(error).split())
        said = said if len(said) <= 200 else f"{said[:197]}..."
        raise YoyakError(f"the tokenizer's chat template refuses the messages ({said}); {_NAME_ONE}") from error


def _parts(encoder: TextEncoder, rendered: str) -> list[int | str]:
    """Split rendered text into control token ids and the texts between them."""
    parts: list[int | str] = []
    strips = False
    pattern = "|".join(re.escape(token) for token in sorted(encoder.controls, key=len, reverse=True))
    for piece in re.split(f"({pattern})", rendered) if pattern else [rendered]:
        token = encoder.controls.get(piece)
        if token is None:
            parts.append(piece.lstrip() if strips else piece)
        else:
            if token.lstrip and parts and isinstance(parts[-1], str):
                parts[-1] = parts[-1].rstrip()
            parts.append(token.id)
        strips = token is not None and token.rstrip
    return [part for part in parts if part != ""]
