"""Helpers of the tests of the configuration."""

from pathlib import Path

import pytest

from src.config import load_config
from src.errors import YoyakError

MODEL = "model: {checkpoint: some/model}\n"


def write(name: str, text: str) -> str:
    """Write a file with its folders; return its name."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")
    return name


def error_of(text: str | None, *overrides: str, name: str = "x.yaml") -> str:
    """Return the message that loading a file with this text gives; it must be one line."""
    if text is not None:
        write(name, text)
    with pytest.raises(YoyakError) as caught:
        load_config(name, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)
