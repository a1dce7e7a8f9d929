"""The table of architectures in docs/models.md, of which a few fast rows are made anew here."""

import logging
import warnings
from collections.abc import Iterator

import pytest

from scripts.docs_architectures import END, PAGE, START, row
from src.tests.tiny_architectures import ARCHITECTURES

TABLE = PAGE.read_text(encoding="utf-8").partition(START)[2].partition(END)[0].strip().splitlines()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Take no warning for an error: some architectures' classes have their own."""
    logging.getLogger("yoyak").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.getLogger("yoyak").setLevel(logging.NOTSET)


@pytest.mark.parametrize("name", ["llama", "granite", "gemma2", "gpt2", "qwen3_moe", "qwen3_5_text"])
def test_a_row_is_true(name: str) -> None:
    assert row(name) in TABLE


def test_each_architecture_has_a_row() -> None:
    assert [line.split("`")[1] for line in TABLE[2:]] == list(ARCHITECTURES)
    assert len(ARCHITECTURES) >= 50
