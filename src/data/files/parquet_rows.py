"""Rows of Parquet files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import YoyakError, first_line
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
        texts = [field.name for field in file.schema_arrow if _is_text(field.type) and columns.count(field.name) == 1]
        if texts:  # one copy of what is stored once, until its size in rows is known
            file = pq.ParquetFile(path, read_dictionary=texts)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise YoyakError(f"{name}: not a Parquet file ({first_line(error)})") from None
    refuse_many_columns(len(columns), name)
    most_bytes = max(_SMALL_BYTES, MOST_UNPACKED * path.stat().st_size)
    return RecordStream(columns, "utf-8", "row", _records(file, name, most_bytes))


def _records(file: Any, name: str, most_bytes: int) -> Iterator[Record | BadRow]:
    import pyarrow as pa

    number = unpacked = 0
    with file:
        try:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                unpacked += sum(unpacked_bytes(column) for column in batch.columns)
                if unpacked > most_bytes:
                    raise YoyakError(f"{name}: unpacks to more than {MOST_UNPACKED} times its size after row {number}")
                for values in batch.to_pylist():
                    number += 1
                    chars = sum(len(value) for value in values.values() if isinstance(value, str | bytes | list))
                    yield Record(number, values) if chars <= LONGEST_ROW_CHARS else too_long(number)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # dates after the year 9999
            raise YoyakError(f"{name}: unreadable after row {number} ({first_line(error)})") from None


def _is_text(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_string(kind) or types.is_binary(kind))


def unpacked_bytes(array: Any) -> int:
    """Return the bytes of an array's values with each entry of a dictionary counted as often as rows name it."""
    import pyarrow.compute as compute
    import pyarrow.types as types

    kind = array.type
    if types.is_dictionary(kind):
        entries, value = array.dictionary, kind.value_type
        if not (_is_text(value) or types.is_large_string(value) or types.is_large_binary(value)):
            return len(array) * (int(entries.nbytes) // max(1, len(entries)) + 1)
        sizes = compute.binary_length(entries).take(array.indices)
        return int(compute.sum(sizes.cast("int64")).as_py() or 0) + int(array.indices.nbytes)
    if types.is_struct(kind):
        return sum(unpacked_bytes(array.field(number)) for number in range(kind.num_fields))
    if types.is_map(kind):
        return unpacked_bytes(array.keys) + unpacked_bytes(array.items)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return unpacked_bytes(array.flatten())
    return int(array.nbytes)
