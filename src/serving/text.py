"""Token ids as text, whole or as it comes."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from ..data.prompt.reasoning import TAGS, without_reasoning
from ..inference.decoding import answer_text

_beginnings = sorted({re.escape(tag[:most]) for tag in TAGS for most in range(1, len(tag))}, key=len, reverse=True)
# What the next token may still change: half of a character, white space that may turn out to be the end's, and what may
# become a tag of reasoning.
_UNSETTLED = re.compile(rf"(?:\s*(?:{'|'.join(_beginnings)}))?[\s\ufffd]*\Z")


def decode(tokenizer: Any, ids: Sequence[int], ends: int | Collection[int]) -> str:
    """Return the text of generated ids up to the (or an) end token, stripped, without reasoning in tags."""
    return decode_answer(tokenizer, ids, ends)[0]


def decode_answer(tokenizer: Any, ids: Sequence[int], ends: int | Collection[int]) -> tuple[str, bool]:
    """Return what `decode` returns, and whether reasoning was left out of it."""
    ends = [ends] if isinstance(ends, int) else ends
    return without_reasoning(answer_text(tokenizer, ids, ends))


class TextStream:
    """Turns a growing list of ids into pieces of text that add up to `decode` of all of them."""

    def __init__(self, tokenizer: Any, ends: int | Collection[int]) -> None:
        self._tokenizer, self._ends, self._sent = tokenizer, ends, ""

    def piece(self, ids: Sequence[int], is_whole: bool) -> str:
        """Return the text that is new since the last call; what may still change waits until `is_whole`."""
        text = decode(self._tokenizer, ids, self._ends)
        if not is_whole:
            text = _UNSETTLED.sub("", text)
        if not text.startswith(self._sent):
            return ""
        new, self._sent = text[len(self._sent) :], text
        return new
