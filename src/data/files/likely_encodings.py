"""Which encodings a text may have that is neither UTF-8 nor Korean in CP949: refusals name them, no reader takes them.

Each decodes the whole text; which one is right only who knows its letters can tell.
"""

import re
import string
from collections.abc import Callable

from .korean_letters import KoreanLetters

WESTERN = {"cp1252": "Windows-1252", "mac-roman": "Mac Roman"}
_ASIAN = ("cp932", "euc-jp", "gb18030", "big5", "johab")
_OTHER_LETTERS = ("cp1251", "cp1250")  # which decode nearly all that is there
_FEWEST_ASCII = 3
"""ASCII letters of Western text for each other byte: short texts with many accents have so few."""
_FEWEST_KOREAN = 4
"""Letters by which Korean is known, of which half and more are common syllables."""
_LONG_RUN = re.compile(rb"[\x80-\xff]{3,}")
_WITHIN_A_WORD = re.compile(r"[a-z]([^\W\d_])")
_NO_ASCII, _ASCII_LETTERS = bytes(range(0x80, 0x100)), string.ascii_letters.encode()


def likely_encodings(text: bytes, decodes: Callable[[str], bool]) -> tuple[str, ...]:
    """Return values of `data.encoding`, one where the letters are Western; none for UTF-8 or Korean with broken places.

    `text` is the beginning or all of what `decodes` tells of whether a codec decodes it.
    """
    if _is_broken_utf8(text) or _is_broken_korean(text):
        return ()
    if _is_western(text):
        codecs = sorted(
            filter(decodes, WESTERN), key=lambda codec: _capitals_within_words(text.decode(codec, "replace"))
        )
        return tuple(codecs[:1])
    return tuple(filter(decodes, _ASIAN)) or tuple(filter(decodes, _OTHER_LETTERS))


def _is_broken_utf8(text: bytes) -> bool:
    decoded = text.decode("utf-8", "replace")
    broken = decoded.count("\ufffd")
    return sum(not letter.isascii() for letter in decoded) >= 2 * broken


def _is_broken_korean(text: bytes) -> bool:
    letters = KoreanLetters()
    for line in text.decode("cp949", "replace").split("\n"):
        letters.add(line)
    return letters.letters >= _FEWEST_KOREAN and 2 * letters.common >= letters.letters


def _is_western(text: bytes) -> bool:
    """Tell whether single bytes, such as accents and quotes, stand among many ASCII letters."""
    others, in_runs = len(text) - len(text.translate(None, _NO_ASCII)), sum(map(len, _LONG_RUN.findall(text)))
    ascii_letters = len(text) - len(text.translate(None, _ASCII_LETTERS))
    return ascii_letters >= _FEWEST_ASCII * others and in_runs < others / 10


def _capitals_within_words(text: str) -> int:
    """Count what the wrong one of two Western encodings makes of many accents: `cafŽ`, `canÕt`."""
    return sum(match[1].isupper() and not match[1].isascii() for match in _WITHIN_A_WORD.finditer(text))
