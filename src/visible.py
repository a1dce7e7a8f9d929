"""Text of data, configs and models with its control characters shown, so that it can't steer a terminal."""

import json
import re

# Line ends, other controls, halves of surrogate pairs, and what turns the direction of the text after it.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST, _END = 2000, 500


def visible(text: str) -> str:
    """Return a text, which may have several lines and tabs, with control characters as escapes."""
    return _UNPRINTABLE.sub(lambda match: match[0] if match[0] in "\n\t" else _escape(match), text)


def one_line(message: str) -> str:
    """Return a text with line ends and control characters as escapes, and at most 2,000 characters of it."""
    line = _UNPRINTABLE.sub(_escape, message)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - _END]} ... {line[5 - _END :]}"


def exact(text: str) -> str:
    """Return a text with all that can't be seen as escapes, odd spaces and joiners too."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def json_line(value: object) -> str:
    """Return a value as JSON on one line: Korean as it is, what can't be seen as JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
