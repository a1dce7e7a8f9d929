"""Advice that is typed as printed means what it says, after the shell and after YAML."""

import shlex
from pathlib import Path

import pytest

from src.config.provenance import read_override
from src.config.typed import typed, typed_path

VALUES = [
    "dialogue", "대화", "대화 내용", "the dialogue", "null", "~", "", "12", "1e3", "true", "no", "$HOME", "`ls`", "a'b",
    'a"b', '"quoted"', "'", " padded ", "a: b", "[x]", "#1", "a;b", "a&b", "*", "a\\b", "!x", "x" * 200, "탭\there",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_what_is_typed_is_what_is_meant(value):
    words = shlex.split(typed("data.dialogue_column", value))
    assert len(words) == 1
    setting, leaf = read_override(words[0])
    assert (setting, leaf.value) == ("data.dialogue_column", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("대화", "data.dialogue_column=대화"),
        ("text", "data.dialogue_column=text"),
        ("a b", "'data.dialogue_column=a b'"),
        ("", "'data.dialogue_column=\"\"'"),
        ("no", "data.dialogue_column=no"),
        ("null", "'data.dialogue_column=\"null\"'"),
    ],
)
def test_literally(value, expected):
    assert typed("data.dialogue_column", value) == expected
    assert typed_path(Path("my runs/x")) == "'my runs/x'"
