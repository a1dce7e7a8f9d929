"""One form for what Unicode has several for: composed characters (NFC), names without what nobody sees."""

import os
import re
import unicodedata
from pathlib import Path

_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff]")


def composed(text: str) -> str:
    """Return a text with composed characters (NFC): macOS takes Hangul syllables and accented letters apart."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def plain_name(name: str) -> str:
    """Return the name of a column, composed and without zero-width characters and byte order marks."""
    return name if name.isascii() else _UNSEEN.sub("", composed(name))


def existing_path(path: Path) -> Path:
    """Return the path of a file or folder whose name is this one to Unicode; `path` itself where there is none."""
    if str(path).isascii() or os.path.exists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[bool(path.anchor) :]:
        if not os.path.exists(found / part):
            try:
                part = next(child for child in os.listdir(found) if composed(child) == composed(part))
            except (OSError, StopIteration):
                return path
        found /= part
    return found
