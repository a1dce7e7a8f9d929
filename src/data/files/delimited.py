"""Rows of CSV and TSV files."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from ...errors import YoyakError
from .quoting import QuotedRow, quoted_rows
from .records import BadRow, Record, RecordStream, refuse_many_columns


def open_delimited(path: Path, name: str, encoding: str, delimiter: str) -> RecordStream:
    """Open a file with a header and one row a dialogue; a field in quotes may hold line breaks.

    Raises YoyakError for a file without a header, or with one that cannot be used.
    """

    def opened() -> TextIO:
        return path.open(encoding=encoding, newline="")

    rows = quoted_rows(opened, delimiter)
    header = next(rows, None)
    if header is None:
        raise YoyakError(f"{name}: the file is empty")
    if isinstance(header, BadRow):
        raise YoyakError(f"{name}:{header.line}: {header.reason} in the header: {header.detail}")
    refuse_many_columns(len(header.fields), name)
    columns = [column.strip() for column in header.fields]
    if any("\0" in column for column in columns):
        raise YoyakError(f"{name}:{header.line}: NUL characters in the header; save the file as UTF-8 text")
    return RecordStream(columns, encoding, "line", _records(rows, columns))


def _records(rows: Iterable[QuotedRow | BadRow], columns: list[str]) -> Iterator[Record | BadRow]:
    for row in rows:
        if isinstance(row, BadRow):
            yield row
        elif len(row.fields) == len(columns):
            yield Record(row.line, dict(zip(columns, row.fields, strict=True)))
        elif len(row.fields) == 1 and not row.fields[0].strip():
            pass  # a line of blanks is no row
        elif not any(field.strip() for field in row.fields):
            yield Record(row.line, dict.fromkeys(columns, ""))
        else:
            found = f"{len(row.fields)} instead of {len(columns)}"
            yield BadRow(row.line, "wrong number of fields", found, len(row.lines))
