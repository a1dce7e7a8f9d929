"""Whether a tokenizer gives text back, tried on a few texts before anything is computed with it."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import YoyakError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


PROBES = (
    "#Person1#: Hello, how are you?\n#Person2#: Fine.\n\nAnn: See\n\n\nyou at 12:30, 2,000 won!",
    "one two  three   four     nine\n    indented\n\tby a tab\tand one",
    "민수: 내일 3시에 만나요. 값이 얼마예요?\n영희: 네, 좋아요! 뷁",
    "야호 👍🏽 👨\u200d👩\u200d👧 🇰🇷",
    "cafe\u0301 naïve Ångström e\u0323\u0302",
    "\"Yes\", 'no', “oui” ‘non’ , don't . Do n't ?",
    "ABC abc 0123456789 3.14 50% A-1 x_y (z) [w] {v} a/b\\c ### #1 @2 & * + = ~ ^ `",
    "日本語 русский العربية",
)
"""Stripped, without control tokens: line ends, runs of spaces, tabs, Korean, emoji, combining marks, quotes, digits."""

_COMPATIBLE = "① ½ ＡＢ ㅋㅋ …"


class UnfitTokenizerError(YoyakError):
    """A tokenizer that nothing may be computed with."""


@contextmanager
def panics_refused() -> Iterator[None]:
    """Turn a panic of the tokenizers library, which no `except Exception` catches, into an UnfitTokenizerError."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # it has no name that could be imported
            raise
        said = " ".join(str(error).split())
        raise UnfitTokenizerError(
            f"the tokenizer does not get to an end with a text ({said}); its tokenizer.json is broken or hostile, "
            "use another checkpoint"
        ) from None


@contextmanager
def _without_panics_traces() -> Iterator[None]:
    """Keep what Rust writes of a panic, 50 lines past Python, from standard error."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def own_encoding(backend: "Tokenizer", text: str, add_special_tokens: bool = False) -> "Encoding":
    """Return a whole text as a tokenizer itself encodes it, control tokens too; it is neither cut nor padded."""
    backend.no_truncation()  # transformers sets all three anew at each call
    backend.no_padding()
    backend.encode_special_tokens = False
    return backend.encode(text, add_special_tokens=add_special_tokens)


def refuse_lossy(encode_batch: Callable[..., list[list[int]]], backend: "Tokenizer") -> str | None:
    """Raise UnfitTokenizerError where `backend` does not decode the ids of texts (`TextEncoder.encode_batch`) to them.

    Returns what else users should know: a tokenizer that writes characters in a compatible form (NFKC) was trained so.
    What is the same to Unicode (Qwen's tokenizer composes `e` and an accent) counts as equal, and white space at both
    ends does not count, since dialogues and summaries are stripped.
    """
    with _without_panics_traces():
        *tried, compatible = encode_batch([*PROBES, _COMPATIBLE], is_start=True)
    for probe, ids in zip(PROBES, tried, strict=True):
        text = unicodedata.normalize("NFC", probe)
        back = unicodedata.normalize("NFC", backend.decode(ids, skip_special_tokens=False).strip())
        if back != text:
            start = next((i for i, pair in enumerate(zip(text, back, strict=False)) if pair[0] != pair[1]), len(back))
            start = max(start - 8, 0)
            raise UnfitTokenizerError(
                f"the tokenizer does not give text back{_how(text, back)}: {text[start : start + 24]!r} becomes "
                f"{back[start : start + 24]!r}; use a checkpoint whose tokenizer keeps all text"
            )
    back = backend.decode(compatible, skip_special_tokens=False).strip()
    if unicodedata.normalize("NFKC", back) == unicodedata.normalize("NFKC", _COMPATIBLE) and back != _COMPATIBLE:
        return f"The tokenizer writes some characters in another form (NFKC): {_COMPATIBLE!r} as {back!r}"
    return None


def _how(text: str, back: str) -> str:
    if back == text.lower():
        return " (it makes capitals small)"
    if _bare(back) == _bare(text):
        return " (it drops accents)"
    if back.split() == text.split():
        return " (it changes white space)"
    return ""


def _bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
