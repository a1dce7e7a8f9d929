"""Data files as they were read: a run says so where they have changed since."""

import os
from pathlib import Path

from ..files import sha256_of
from ..text_forms import existing_path


def fingerprint(source: str) -> str | None:
    """Return the SHA-256 of a data file, or None for a source that is no file here (the hub, a shipped sample)."""
    path = existing_path(Path(source))
    if not os.path.isfile(path):  # a named pipe would be waited for
        return None
    try:
        return sha256_of(path)
    except OSError:
        return None
