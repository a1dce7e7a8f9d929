"""Read dialogue files row by row: CSV, TSV, JSON, JSON Lines and Parquet, each row with the line on which it starts."""

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import YoyakError

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
ENCODINGS = ("utf-8", "cp949")
USER_ROLES = {"user", "human"}
ASSISTANT_ROLES = {"assistant", "gpt", "model", "chatgpt"}

_LARGEST_FIELD = 2**31 - 1  # the most that csv.field_size_limit takes on every platform
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: the line (1-based) on which it starts, the kind of fault, and the fault itself."""

    line: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A row as the file has it: the line (1-based) on which it starts, and its values by column name."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordStream:
    """An opened file: its rows, read as they are asked for.

    `columns` is None where they are known only at the end (JSON). `unit` says what `Record.line` counts: lines, or rows
    where a file has no lines. `encoding` is the one that the text was decoded with.
    """

    columns: list[str] | None
    encoding: str
    unit: str
    records: Iterator[Record | BadRow]


def open_records(path: Path, name: str) -> RecordStream:
    """Open an existing file by its suffix; `name` is how messages call it.

    Raises YoyakError for a suffix that is not in SUFFIXES, and for files that cannot be decoded or parsed or are empty.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        kind = f"'{suffix}' files" if suffix else "files without a suffix"
        advice = "save the sheet as CSV (UTF-8)" if suffix in {".xlsx", ".xls", ".ods"} else "convert the file"
        raise YoyakError(f"{name}: cannot read {kind}, only {' '.join(SUFFIXES)}; {advice}")
    if path.stat().st_size == 0:
        raise YoyakError(f"{name}: the file is empty")
    if suffix == ".parquet":
        return _open_parquet(path, name)
    encoding = detect_encoding(path, name)
    if suffix == ".json":
        return _open_json(path, name, encoding)
    if suffix == ".jsonl":
        return RecordStream(None, encoding, "line", _json_lines(path, encoding))
    return _open_delimited(path, name, encoding, delimiter="\t" if suffix == ".tsv" else ",")


def detect_encoding(path: Path, name: str) -> str:
    """Return `utf-8-sig` (UTF-8 with a byte order mark), `utf-8` or `cp949`: the first that decodes every byte.

    Raises YoyakError with the place at which each encoding fails, counted in bytes from 0 and in lines from 1.
    """
    with path.open("rb") as stream:
        head = stream.read(3)
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise YoyakError(f"{name}: UTF-16 text; save the file as UTF-8")
    faults = []
    for encoding in ENCODINGS:
        fault = _first_undecodable(path, encoding)
        if fault is None:
            return "utf-8-sig" if head == codecs.BOM_UTF8 else encoding
        faults.append(f"{encoding} fails at byte {fault[0]} (line {fault[1]})")
    raise YoyakError(f"{name}: cannot be decoded: {', '.join(faults)}; save the file as UTF-8")


def _first_undecodable(path: Path, encoding: str) -> tuple[int, int] | None:
    # Line by line keeps memory small; a newline byte is never part of another character in UTF-8 or CP949.
    offset = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return offset + error.start, number
            offset += len(line)
    return None


def _open_delimited(path: Path, name: str, encoding: str, delimiter: str) -> RecordStream:
    rows = _delimited_rows(path, encoding, delimiter)
    header = next(rows, None)
    if header is None:
        raise YoyakError(f"{name}: the file is empty")
    if isinstance(header, BadRow):
        raise YoyakError(f"{name}:{header.line}: {header.reason} in the header: {header.detail}")
    columns = [column.strip() for column in header[1]]
    if any("\0" in column for column in columns):
        raise YoyakError(f"{name}:{header[0]}: NUL characters in the header; save the file as UTF-8 text")
    return RecordStream(columns, encoding, "line", _delimited_records(rows, columns))


def _delimited_rows(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    # Raised and never lowered: the limit is the process's, and another thread may be reading.
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_FIELD))
    with path.open(encoding=encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(line, "broken quoting", _quoting_fault(str(error), reader.line_num))
                continue
            if fields:
                yield line, fields


def _quoting_fault(message: str, last_line: int) -> str:
    if message == "unexpected end of data":
        return f"a quote is opened and not closed up to the file's end in line {last_line}"
    if "expected after" in message:
        return f"text after a closing quote in line {last_line} (quotes inside a quoted field are doubled)"
    return message


def _delimited_records(rows: Iterable[tuple[int, list[str]] | BadRow], columns: list[str]) -> Iterator[Record | BadRow]:
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        line, fields = row
        if len(fields) == len(columns):
            yield Record(line, dict(zip(columns, fields, strict=True)))
        elif len(fields) > 1 or fields[0].strip():  # a line of blanks is no row
            yield BadRow(line, "wrong number of fields", f"{len(fields)} instead of {len(columns)}")


def _json_lines(path: Path, encoding: str) -> Iterator[Record | BadRow]:
    with path.open(encoding=encoding) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                yield _json_record(number, json.loads(line))
            except json.JSONDecodeError as error:
                yield BadRow(number, "broken JSON", f"{error.msg}, column {error.colno}")
            except (ValueError, RecursionError) as error:  # numbers of over 4,300 digits, endless nesting
                yield BadRow(number, "broken JSON", str(error))


def _json_record(line: int, value: object) -> Record | BadRow:
    if isinstance(value, dict):
        return Record(line, value)
    return BadRow(line, "not an object", f"a JSON {type(value).__name__}")


def _open_json(path: Path, name: str, encoding: str) -> RecordStream:
    text = path.read_text(encoding=encoding)
    start = _skip_space(text, 0)
    if start == len(text):
        raise YoyakError(f"{name}: the file is empty")
    try:
        if text[start] == "[":
            return RecordStream(None, encoding, "line", _json_list_records(text, start, name))
        value, end = _DECODER.raw_decode(text, start)
        end = _skip_space(text, end)
        if isinstance(value, dict) and text[end : end + 1] == "{":  # JSON Lines under the suffix .json
            return RecordStream(None, encoding, "line", _json_lines(path, encoding))
        if end != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except (ValueError, RecursionError) as error:
        raise _invalid_json(name, error) from None
    if not isinstance(value, dict):
        raise YoyakError(f"{name}: expected a list of objects, or an object with one list, not a single value")
    if conversation_columns(value) is not None:
        return RecordStream(None, encoding, "line", iter([Record(1 + text.count("\n", 0, start), value)]))
    lists = [key for key, item in value.items() if isinstance(item, list)]
    if len(lists) != 1:
        found = f"with the lists {', '.join(lists)}" if lists else "without a list"
        raise YoyakError(f"{name}: expected a list of objects, or an object with one list, not an object {found}")
    del value  # the rows are parsed again one by one, each with its line
    return RecordStream(None, encoding, "line", _json_list_records(text, _value_offset(text, start, lists[0]), name))


def _json_list_records(text: str, start: int, name: str) -> Iterator[Record | BadRow]:
    line, counted = 1, 0
    try:
        for offset, value in _json_items(text, start):
            line += text.count("\n", counted, offset)
            counted = offset
            yield _json_record(line, value)
    except (ValueError, RecursionError) as error:
        raise _invalid_json(name, error) from None


def _json_items(text: str, start: int) -> Iterator[tuple[int, Any]]:
    """Yield the offset and the value of each element of the list that opens at `start`."""
    position = _skip_space(text, start + 1)
    closed = text[position : position + 1] == "]"
    while not closed:
        value, end = _DECODER.raw_decode(text, position)
        yield position, value
        position = _skip_space(text, end)
        closed = text[position : position + 1] == "]"
        if not closed and text[position : position + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' or ']'", text, position)
        position = position if closed else _skip_space(text, position + 1)
    rest = _skip_space(text, position + 1)
    if rest != len(text) and text[_skip_space(text, 0)] == "[":  # a list inside an object was checked with the object
        raise json.JSONDecodeError("Extra data", text, rest)


def _value_offset(text: str, start: int, key: str) -> int:
    """Return where the value of `key` starts in the valid JSON object that opens at `start`."""
    position = _skip_space(text, start + 1)
    while True:
        found, end = _DECODER.raw_decode(text, position)
        value_start = _skip_space(text, _skip_space(text, end) + 1)
        if found == key and text[value_start] == "[":
            return value_start
        _, end = _DECODER.raw_decode(text, value_start)
        position = _skip_space(text, _skip_space(text, end) + 1)


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _invalid_json(name: str, error: Exception) -> YoyakError:
    if isinstance(error, json.JSONDecodeError):
        return YoyakError(f"{name}:{error.lineno}: not valid JSON: {error.msg} (column {error.colno})")
    return YoyakError(f"{name}: not valid JSON: {error}")


def _open_parquet(path: Path, name: str) -> RecordStream:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise YoyakError(f"{name}: not a Parquet file ({str(error).splitlines()[0]})") from None
    return RecordStream(list(file.schema_arrow.names), "utf-8", "row", _parquet_records(file, name))


def _parquet_records(file: Any, name: str) -> Iterator[Record | BadRow]:
    import pyarrow as pa

    number = 0
    with file:
        try:
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(number, values)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise YoyakError(f"{name}: unreadable after row {number} ({str(error).splitlines()[0]})") from None


def conversation_columns(values: dict[str, Any]) -> tuple[Any, Any] | None:
    """Return dialogue and summary of a row in the messages or the ShareGPT layout, None for any other row.

    The dialogue is the last user message, whole; the summary is the assistant's answer to it, None where there is none.
    """
    turns = values.get("messages", values.get("conversations"))
    if not isinstance(turns, list):
        return None
    if not all(isinstance(turn, dict) and turn.keys() & {"role", "from"} for turn in turns):
        return None
    dialogue = summary = None
    for turn in turns:
        role = turn.get("role", turn.get("from"))
        content = turn.get("content", turn.get("value"))
        if role in USER_ROLES:
            dialogue, summary = content, None
        elif role in ASSISTANT_ROLES:
            summary = content
    return dialogue, summary
