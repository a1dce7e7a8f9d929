"""Rows of Parquet files: their numbers, and bounds on what they unpack to."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.data.files import parquet_rows
from src.data.files.parquet_rows import open_parquet, unpacked_bytes
from src.data.files.readers import open_records
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


def test_dictionaries_are_read_as_what_they_stand_for(tmp_path):
    texts = pa.array(["A: a", "B: b", "A: a"])
    rows = {"dialogue": texts, "summary": pa.array(["s", "t", "s"]), "topic": pa.array([1, 2, 1])}
    rows["list"] = pa.array([["A: a"], [], ["A: a", "B: b"]])
    rows["when"] = pa.array([b"x", None, b"x"])
    encoded = {name: column if name == "list" else column.dictionary_encode() for name, column in rows.items()}
    encoded["list"] = pa.ListArray.from_arrays(pa.array([0, 1, 1, 3], pa.int32()), texts.take([0, 0, 1])).cast(
        pa.list_(pa.dictionary(pa.int32(), pa.string()))
    )
    read = []
    for name, table in (("plain", rows), ("encoded", encoded)):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table(table), path)
        read.append([record.values for record in open_parquet(path, name).records])
    assert read[0] == read[1]
    assert read[1][2] == {"dialogue": "A: a", "summary": "s", "topic": 1, "list": ["A: a", "B: b"], "when": b"x"}


def test_a_dictionarys_entries_count_for_each_row(tmp_path):
    long = pa.DictionaryArray.from_arrays(pa.array([0, 0, None], pa.int32()), ["x" * 1000, "never"])
    other = pa.DictionaryArray.from_arrays(pa.array([1, 1, 0], pa.int8()), pa.array([2, 3]))
    assert unpacked_bytes(long) == 2 * 1000 + 3 * 4 + 1  # a byte of which are there
    assert unpacked_bytes(pa.StructArray.from_arrays([long], ["a"])) == 2013
    assert unpacked_bytes(pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), long)) == 2013
    assert unpacked_bytes(other) == 3 * 9
