"""Rows of Parquet files: their numbers, and bounds on what they unpack to."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.data import parquet_rows
from src.data.readers import open_records
from src.errors import YoyakError


def test_rows_have_numbers_and_all_columns(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"dialogue": ["A: a", "B: b"], "n": [1, None]}), path)
    stream = open_records(path, "a.parquet")
    assert (stream.columns, stream.encoding, stream.unit) == (["dialogue", "n"], "utf-8", "row")
    assert [(record.line, record.values) for record in stream.records] == [
        (1, {"dialogue": "A: a", "n": 1}),
        (2, {"dialogue": "B: b", "n": None}),
    ]


def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"dialogue": ["x" * 1000] * 1000}), path)
    assert path.stat().st_size < 10_000
    assert len(list(open_records(path, "a.parquet").records)) == 1000  # a megabyte, as small files may
    monkeypatch.setattr(parquet_rows, "_SMALL_BYTES", 1000)
    with pytest.raises(YoyakError, match=r"a.parquet: unpacks to more than 100 times its size after row"):
        list(open_records(path, "a.parquet").records)


def test_a_row_that_is_too_long_is_a_bad_one(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"dialogue": ["x" * 50, "y" * 51]}), path)
    monkeypatch.setattr(parquet_rows, "LONGEST_ROW_CHARS", 50)
    first, second = open_records(path, "a.parquet").records
    assert (first.line, first.values) == (1, {"dialogue": "x" * 50})
    assert (second.line, second.reason) == (2, "row too long")
