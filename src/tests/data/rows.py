"""Rows of the sample data, and of the data beside the repository, for tests of encoding."""

import csv

import pytest

from src.resources import sample_dir
from src.tests.real_tokenizers import SHARED


def sample_rows(language="ko", name="train"):
    """Return the rows of a sample file as dictionaries."""
    with (sample_dir() / language / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shared_rows(count):
    """Return the first rows of the Korean DialogSum; skips the test where it is absent."""
    path = SHARED / "data" / "dialogsum_ko" / "train.csv"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row, _ in zip(csv.DictReader(file), range(count), strict=False)]
