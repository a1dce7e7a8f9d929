"""What the tests of sources and readers share: write a file, load it, or take the message of its refusal."""

from pathlib import Path
from typing import Any

import pytest

from src.config.schema import DataSettings
from src.data.files.sources import DialogueTable, load_dialogues
from src.errors import YoyakError


def write(folder: Path, name: str, content: str | bytes) -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def load(source: str, need_summary: bool = True, **settings: Any) -> DialogueTable:
    """Load `source` under default settings but for the given ones."""
    return load_dialogues(source, DataSettings(**settings), need_summary)


def refusal(source: str, need_summary: bool = True, **settings: Any) -> str:
    """Return the one line with which `load` refuses `source`, the path shown as FILE."""
    with pytest.raises(YoyakError) as caught:
        load(source, need_summary, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(source, "FILE")
