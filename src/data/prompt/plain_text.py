"""Texts in one form, wherever they come from: files, standard input and requests give the same tokens."""

import re

from ...text_forms import composed

LINE_ENDS = ("\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")
"""What ends a line somewhere: CRLF (Windows), CR (old Macs), VT, FF, NEL, Unicode's line and paragraph separators."""

_ANY = re.compile("|".join(LINE_ENDS))


def plain_text(text: str) -> str:
    """Return a text in the form in which prompts take it: `plain_lines`, stripped at both ends."""
    return plain_lines(text).strip()


def plain_lines(text: str) -> str:
    r"""Return a text with `\n` for each of `LINE_ENDS` and composed characters (NFC)."""
    return composed(_ANY.sub("\n", text))
