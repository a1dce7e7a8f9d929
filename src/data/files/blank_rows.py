"""Rows without a value in any column, as a sheet leaves them behind its last row and between its parts."""

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from ...bilingual import Text, count
from .records import BadRow, Record, RecordStream


def without_blank_rows(stream: RecordStream, name: str) -> RecordStream:
    """Return a stream without rows whose columns are all blank; how many there were is said at the end.

    `name` is how messages call the file. The blank cell of a single column may be an answer, and stays.
    """
    return replace(stream, records=_filled(stream, name))


def _filled(stream: RecordStream, name: str) -> Iterator[Record | BadRow]:
    number = first = 0
    for record in stream.records:
        if isinstance(record, Record) and len(record.values) > 1 and all(map(is_blank, record.values.values())):
            number, first = number + 1, first or record.line
        else:
            yield record
    if number:
        sentence = _sentence(name, number, stream.unit, first)
        stream.notes.append(sentence)
        _say(sentence)


def is_blank(value: Any) -> bool:
    """Return whether a cell holds nothing: white space, null or NaN."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _sentence(name: str, number: int, unit: str, first: int) -> Text:
    rows, is_line = count(number, "row"), unit == "line"
    return Text(
        f"{name}: {rows} without a value in any column left out, the first in {unit} {first}",
        f"{name}: 모든 열이 빈 행 {number:,}개를 뺐습니다(첫 번째는 {first}번째 {'줄' if is_line else '행'})",
    )


@cache
def _say(sentence: Text) -> None:
    logging.getLogger("yoyak").warning("%s", sentence)
