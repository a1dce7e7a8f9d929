"""Read dialogue files row by row: CSV, TSV, JSON, JSON Lines and Parquet, each row with the line on which it starts.

Memory is that of the rows that are kept: a reader holds one row of at most LONGEST_ROW_CHARS at a time, and a .json
file's text.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import YoyakError
from .blank_rows import without_blank_rows
from .composed_rows import with_composed_text
from .delimited import open_delimited
from .encodings import detect_encoding
from .json_rows import open_json, open_json_lines, refuse_large_json
from .parquet_rows import open_parquet
from .records import BadRow, Record, RecordStream

__all__ = ["SUFFIXES", "as_rows", "detect_encoding", "open_records"]

MOST_ROWS = 4_000_000
"""A kept row takes 200 bytes and its text: rows that hold next to nothing, such as zeros, are many times their file."""
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def open_records(path: Path, name: str, encoding: str = "auto", records: str | None = None) -> RecordStream:
    """Open an existing file by its suffix; `name` is how messages call it, the others are `data.encoding` and
    `data.records`.

    Raises YoyakError for a suffix that is not in SUFFIXES, and for files that cannot be decoded or parsed or are empty.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        kind = f"'{suffix}' files" if suffix else "files without a suffix"
        advice = "save the sheet as CSV (UTF-8)" if suffix in {".xlsx", ".xls", ".ods"} else "convert the file"
        raise YoyakError(f"{name}: cannot read {kind}, only {' '.join(SUFFIXES)}; {advice}")
    if path.stat().st_size == 0:
        raise YoyakError(f"{name}: the file is empty")
    if records is not None and suffix != ".json":
        raise YoyakError(f"{name}: data.records={records} is for .json files; leave it out")
    stream = _open(path, name, suffix, encoding, records)
    return as_rows(replace(stream, records=_counted(stream.records, name)), name)


def as_rows(stream: RecordStream, name: str) -> RecordStream:
    """Return a stream of filled rows with composed text; `name` is how messages call the file."""
    return with_composed_text(without_blank_rows(stream, name), name)


def _open(path: Path, name: str, suffix: str, encoding: str, records: str | None) -> RecordStream:
    if suffix == ".parquet":
        return open_parquet(path, name)
    if suffix == ".json":
        refuse_large_json(path, name)
    encoding = detect_encoding(path, name, encoding)
    if suffix == ".json":
        return open_json(path, name, encoding, records)
    if suffix == ".jsonl":
        return open_json_lines(path, encoding)
    return open_delimited(path, name, encoding, delimiter="\t" if suffix == ".tsv" else ",")


def _counted(records: Iterator[Record | BadRow], name: str) -> Iterator[Record | BadRow]:
    for number, record in enumerate(records, 1):
        if number > MOST_ROWS:
            raise YoyakError(f"{name}: more than {MOST_ROWS:,} rows, which the memory may not hold; split the file")
        yield record
