"""Rows with composed characters, whatever form the file has: equal words are equal, and take as few tokens."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from ...text_forms import composed, plain_name
from .records import BadRow, Record, RecordStream

_DEEPEST = 20  # lists and objects inside one another: deeper is no dialogue


def with_composed_text(stream: RecordStream, name: str) -> RecordStream:
    """Return a stream with composed text (NFC) and plain column names; `name` is how messages call the file.

    Rows that were changed are marked `composed`, and how many there were is said at the end.
    """
    columns = None if stream.columns is None else [plain_name(column) for column in stream.columns]
    changed = [after for before, after in zip(stream.columns or [], columns or [], strict=True) if before != after]
    return replace(stream, columns=columns, composed_columns=changed, records=_composed(stream, name, changed))


def _composed(stream: RecordStream, name: str, columns: list[str]) -> Iterator[Record | BadRow]:
    rows = 0
    for record in stream.records:
        if isinstance(record, BadRow):
            yield record
            continue
        values = {plain_name(key): _composed_value(value) for key, value in record.values.items()}
        if len(values) < len(record.values):
            keys = [plain_name(key) for key in record.values]
            twice = next(key for key in keys if keys.count(key) > 1)
            yield BadRow(record.line, "repeated column", f"{twice!r}, written in two ways")
            continue
        is_changed = list(values.values()) != list(record.values.values()) or (
            not columns and list(values) != list(record.values)  # JSON names its columns row by row
        )
        rows += is_changed
        yield replace(record, values=values, composed=is_changed) if is_changed or columns else record
    if rows or columns:
        sentence = composed_sentence(name, rows, columns)
        stream.notes.append(sentence)
        _say(sentence)


def composed_sentence(name: str, rows: int, columns: list[str]) -> str:
    """Return in words what of a file was composed."""
    parts = [f"the names of the columns {', '.join(columns)}"] if columns else []
    parts += [f"{rows:,} row{'s' if rows != 1 else ''}"] if rows else []
    return (
        f"{name}: {' and '.join(parts)} held decomposed characters (as macOS writes Hangul) or, in names, characters "
        "without width; they were composed (NFC)"
    )


@cache
def _say(sentence: str) -> None:
    logging.getLogger("yoyak").warning("%s", sentence)


def _composed_value(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return composed(value)
    if depth < _DEEPEST and isinstance(value, list):
        return [_composed_value(item, depth + 1) for item in value]
    if depth < _DEEPEST and isinstance(value, dict):
        return {
            plain_name(key) if isinstance(key, str) else key: _composed_value(item, depth + 1)
            for key, item in value.items()
        }
    return value
