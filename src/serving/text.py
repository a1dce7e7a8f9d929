"""Token ids as text, whole or as it comes."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from ..inference.decoding import before_end, summary_text

# What the next token may still change: half of a character, and white space that may turn out to be the end's.
_UNSETTLED = re.compile(r"[\s\ufffd]+\Z")


def decode(tokenizer: Any, ids: Sequence[int], ends: int | Collection[int]) -> str:
    """Return the text of generated ids up to the (or an) end token, stripped."""
    ends = [ends] if isinstance(ends, int) else ends
    return summary_text(tokenizer, before_end(ids, ends)).strip()


class TextStream:
    """Turns a growing list of ids into pieces of text that add up to `decode` of all of them."""

    def __init__(self, tokenizer: Any, ends: int | Collection[int]) -> None:
        """Start with nothing."""
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
