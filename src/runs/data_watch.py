"""Data files as they were read: a run says so where they have changed since."""

import hashlib
from pathlib import Path

from ..text_forms import existing_path


def fingerprint(source: str) -> str | None:
    """Return the SHA-256 of a data file, or None for a source that is no file here (the hub, a shipped sample)."""
    try:
        with existing_path(Path(source)).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
