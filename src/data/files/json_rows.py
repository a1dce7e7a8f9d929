"""Rows of JSON and JSON Lines files."""

import json
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import YoyakError
from ...text_forms import plain_name
from .records import LONGEST_ROW_CHARS, BadRow, Record, RecordStream, conversation_columns, names_of, too_long
from .text_lines import BoundedLines, RowTooLongError
from .turn_lists import is_row

LARGEST_JSON_BYTES = 512 << 20
_DEEPEST = 4
_MOST_PARTS = 200_000  # brackets that open in one conversation: as Python objects, lists take many times their text

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


def refuse_large_json(path: Path, name: str) -> None:
    """Raise YoyakError for a file that is larger than LARGEST_JSON_BYTES."""
    if (size := path.stat().st_size) > LARGEST_JSON_BYTES:
        limit = f"{size:,} bytes, and a .json file is read as a whole ({LARGEST_JSON_BYTES:,} at most)"
        raise YoyakError(f"{name}: {limit}; write it as .jsonl, one object a line, which is read line by line")


def open_json_lines(path: Path, encoding: str) -> RecordStream:
    """Open a file with one object a line."""
    return RecordStream(None, encoding, "line", _json_lines(path, encoding))


def open_json(path: Path, name: str, encoding: str, records: str | None = None) -> RecordStream:
    """Open a file that is a list of objects, an object with one list, a conversation, or JSON Lines after all.

    `records` is `data.records`: the list to take, where an object has several, with dots inside objects. The file's
    text is held in memory, its rows one at a time.

    Raises YoyakError for a file of another form, and for what is no JSON.
    """
    text = path.read_text(encoding=encoding)
    start = _skip_space(text, 0)
    if start == len(text):
        raise YoyakError(f"{name}: the file is empty")
    if text[start] == "[":
        if records is not None:
            raise YoyakError(f"{name}: is a list of rows by itself; leave data.records={records} out")
        return RecordStream(None, encoding, "line", _list_records(text, start, name))
    try:
        if text[start] != "{":
            _DECODER.raw_decode(text, start)
            raise YoyakError(f"{name}: expected a list of objects, or an object with one list, not a single value")
        lists, end = _lists_of_object(text, start)
        if text[end : end + 1] == "{":  # JSON Lines under the suffix .json
            return open_json_lines(path, encoding)
        if end != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
        # A conversation is a row; an object that is too long for one is a list of rows at best.
        parts = text.count("[", start, end) + text.count("{", start, end)
        is_short = end - start <= LONGEST_ROW_CHARS and parts <= _MOST_PARTS
        value = _DECODER.raw_decode(text, start)[0] if is_short else {}
    except (ValueError, RecursionError) as error:
        raise _invalid_json(name, error) from None
    if records is not None:
        lists = {plain_name(path): place for path, place in lists.items()}
        if records not in lists:
            there_are = f"its lists are {names_of(lists)}" if lists else "it has no list"
            raise YoyakError(f"{name}: no list data.records={records}; {there_are}")
        return RecordStream(None, encoding, "line", _list_records(text, lists[records], name))
    if conversation_columns(value) is not None or is_row(value):
        return RecordStream(None, encoding, "line", iter([Record(1 + text.count("\n", 0, start), value)]))
    outer = [path for path in lists if "." not in path]
    with_rows = [path for path in lists if text[_skip_space(text, lists[path] + 1)] == "{"]
    chosen = outer if len(outer) == 1 and len(with_rows) != 1 else with_rows
    if len(chosen) != 1:
        found = f"with the lists {names_of(outer)}" if outer else "without a list"
        advice = f"; name one with data.records={with_rows[0]} or another" if with_rows else ""
        raise YoyakError(
            f"{name}: expected a list of objects, or an object with one list, not an object {found}{advice}"
        )
    return RecordStream(None, encoding, "line", _list_records(text, lists[chosen[0]], name))


def _json_lines(path: Path, encoding: str) -> Iterator[Record | BadRow]:
    with path.open(encoding=encoding) as stream:
        lines = BoundedLines(stream)
        while True:
            lines.start_row()
            try:
                line = next(lines)
            except StopIteration:
                return
            except RowTooLongError:
                yield too_long(lines.number)
                continue
            if line.strip():
                yield _parsed(lines.number, line)


def _parsed(number: int, line: str) -> Record | BadRow:
    try:
        return _record(number, json.loads(line))
    except json.JSONDecodeError as error:
        return BadRow(number, "broken JSON", f"{error.msg}, column {error.colno}")
    except (ValueError, RecursionError) as error:  # numbers of over 4,300 digits, endless nesting
        return BadRow(number, "broken JSON", str(error))


def _record(line: int, value: object) -> Record | BadRow:
    if isinstance(value, dict):
        return Record(line, value)
    return BadRow(line, "not an object", f"a JSON {type(value).__name__}")


def _list_records(text: str, start: int, name: str) -> Iterator[Record | BadRow]:
    line, counted, end = 1, 0, start + 1
    try:
        for offset, value, end in _items(text, start):
            line += text.count("\n", counted, offset)
            counted = offset
            yield _record(line, value) if end - offset <= LONGEST_ROW_CHARS else too_long(line)
        rest = _skip_space(text, _skip_space(text, end) + 1)
        if rest != len(text) and text[_skip_space(text, 0)] == "[":  # what surrounds a list in an object was checked
            raise json.JSONDecodeError("Extra data", text, rest)
    except (ValueError, RecursionError) as error:
        raise _invalid_json(name, error) from None


def _items(text: str, start: int) -> Iterator[tuple[int, Any, int]]:
    """Yield offset, value and end of each element of the list that opens at `start`."""
    position = _skip_space(text, start + 1)
    closed = text[position : position + 1] == "]"
    while not closed:
        value, end = _DECODER.raw_decode(text, position)
        yield position, value, end
        position = _skip_space(text, end)
        closed = text[position : position + 1] == "]"
        if not closed and text[position : position + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' or ']'", text, position)
        position = position if closed else _skip_space(text, position + 1)


def _lists_of_object(text: str, start: int, depth: int = 1) -> tuple[dict[str, int], int]:
    """Return where each list of the object that opens at `start` opens, and where what follows the object starts.

    Lists in objects inside it have names with dots. The elements of lists are parsed one at a time: a file's rows as
    Python objects take many times its size.
    """
    lists: dict[str, int] = {}
    position = _skip_space(text, start + 1)
    closed = text[position : position + 1] == "}"
    while not closed:
        key, end = _DECODER.raw_decode(text, position)
        if not isinstance(key, str):
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, position)
        value_start = _skip_space(text, _after(":", text, end))
        for path in [path for path in lists if path == key or path.startswith(f"{key}.")]:
            del lists[path]  # of a key that occurs again, the last value counts
        if text[value_start : value_start + 1] == "[":
            lists[key] = value_start
            last = deque(_items(text, value_start), maxlen=1)
            end = _skip_space(text, last[0][2] if last else value_start + 1) + 1
        elif text[value_start : value_start + 1] == "{" and depth < _DEEPEST:
            inside, end = _lists_of_object(text, value_start, depth + 1)
            lists |= {f"{key}.{path}": place for path, place in inside.items()}
        else:
            _, end = _DECODER.raw_decode(text, value_start)
        position = _skip_space(text, end)
        closed = text[position : position + 1] == "}"
        position = position if closed else _skip_space(text, _after(",", text, position))
    return lists, _skip_space(text, position + 1)


def _after(mark: str, text: str, position: int) -> int:
    position = _skip_space(text, position)
    if text[position : position + 1] != mark:
        raise json.JSONDecodeError(f"Expecting '{mark}' delimiter", text, position)
    return position + 1


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _invalid_json(name: str, error: Exception) -> YoyakError:
    if isinstance(error, json.JSONDecodeError):
        return YoyakError(f"{name}:{error.lineno}: not valid JSON: {error.msg} (column {error.colno})")
    return YoyakError(f"{name}: not valid JSON: {error}")
