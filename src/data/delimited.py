"""Rows of CSV and TSV files."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import YoyakError
from .records import LONGEST_ROW_CHARS, BadRow, Record, RecordStream, refuse_many_columns, too_long
from .text_lines import BoundedLines, RowTooLongError


def open_delimited(path: Path, name: str, encoding: str, delimiter: str) -> RecordStream:
    """Open a file with a header and one row a dialogue; a field in quotes may hold line breaks.

    Raises YoyakError for a file without a header, or with one that cannot be used.
    """
    rows = _rows(path, encoding, delimiter)
    header = next(rows, None)
    if header is None:
        raise YoyakError(f"{name}: the file is empty")
    if isinstance(header, BadRow):
        raise YoyakError(f"{name}:{header.line}: {header.reason} in the header: {header.detail}")
    refuse_many_columns(len(header[1]), name)
    columns = [column.strip() for column in header[1]]
    if any("\0" in column for column in columns):
        raise YoyakError(f"{name}:{header[0]}: NUL characters in the header; save the file as UTF-8 text")
    return RecordStream(columns, encoding, "line", _records(rows, columns))


def _rows(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    # Raised and never lowered: the limit is the process's, and another thread may be reading.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW_CHARS))
    with path.open(encoding=encoding, newline="") as stream:
        lines = BoundedLines(stream)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            lines.start_row()
            first = lines.number + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except RowTooLongError:
                yield too_long(first)
                continue
            except csv.Error as error:
                yield BadRow(first, "broken quoting", _quoting_fault(str(error), lines.number))
                continue
            if fields:
                yield first, fields


def _quoting_fault(message: str, last_line: int) -> str:
    if message == "unexpected end of data":
        return f"a quote is opened and not closed up to the file's end in line {last_line}"
    if "expected after" in message:
        return f"text after a closing quote in line {last_line} (quotes inside a quoted field are doubled)"
    return message


def _records(rows: Iterable[tuple[int, list[str]] | BadRow], columns: list[str]) -> Iterator[Record | BadRow]:
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        line, fields = row
        if len(fields) == len(columns):
            yield Record(line, dict(zip(columns, fields, strict=True)))
        elif len(fields) > 1 or fields[0].strip():  # a line of blanks is no row
            yield BadRow(line, "wrong number of fields", f"{len(fields)} instead of {len(columns)}")
