"""Rows of Parquet files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from .records import LONGEST_ROW_CHARS, BadRow, Record, RecordStream, refuse_many_columns, too_long

MOST_UNPACKED = 100
"""Times its size, to which a file may unpack: dialogues compress to a fifth at best, one value a million times over to
next to nothing."""
_SMALL_BYTES = 64 << 20
"""What any file may unpack to."""
_BATCH_ROWS = 64


def open_parquet(path: Path, name: str) -> RecordStream:
    """Open a file with one row a dialogue.

    Raises YoyakError for one that is no Parquet file, has too many columns, or that unpacks to far more than its size.
    """
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

    try:
        file = pq.ParquetFile(path)
        columns = list(file.schema_arrow.names)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise YoyakError(f"{name}: not a Parquet file ({_first_line(error)})") from None
    refuse_many_columns(len(columns), name)
    most_bytes = max(_SMALL_BYTES, MOST_UNPACKED * path.stat().st_size)
    return RecordStream(columns, "utf-8", "row", _records(file, name, most_bytes))


def _records(file: Any, name: str, most_bytes: int) -> Iterator[Record | BadRow]:
    import pyarrow as pa

    number = unpacked = 0
    with file:
        try:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                unpacked += batch.nbytes
                if unpacked > most_bytes:
                    raise YoyakError(f"{name}: unpacks to more than {MOST_UNPACKED} times its size after row {number}")
                for values in _rows(batch):
                    number += 1
                    yield _bounded(number, values)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # dates after the year 9999
            raise YoyakError(f"{name}: unreadable after row {number} ({_first_line(error)})") from None


def _rows(batch: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = batch.to_pylist()
    return rows


def _bounded(number: int, values: dict[str, Any]) -> Record | BadRow:
    chars = sum(len(value) for value in values.values() if isinstance(value, str | bytes | list))
    return Record(number, values) if chars <= LONGEST_ROW_CHARS else too_long(number)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
