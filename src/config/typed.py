"""Settings and paths in advice, written so that a shell and YAML give back what is meant."""

import json
import re
import shlex
from pathlib import Path

from ..errors import YoyakError
from .provenance import read_override


def typed(setting: str, value: str) -> str:
    """Return `section.key=value` as one types it: quoted where a shell or YAML would make something else of it."""
    plain = f"{setting}={value}"
    try:
        means_it = read_override(plain)[1].value == value
    except YoyakError:
        means_it = False
    return _quoted(plain if means_it else f"{setting}={json.dumps(value, ensure_ascii=False)}")


def typed_path(path: Path | str) -> str:
    """Return a path as one types it into a shell."""
    return _quoted(str(path))


def _quoted(word: str) -> str:
    """Return a word quoted where a shell asks for it; letters of any script need no quotes."""
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else shlex.quote(word)
