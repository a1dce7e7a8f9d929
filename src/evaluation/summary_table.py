"""Tables of summaries from files of all formats, their ids and texts, with every mistake in one line."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.schema import DataSettings
from ..config.typed import typed_path
from ..data.chats.exports import dialogue_text
from ..data.files.formulas import formula_back
from ..data.files.readers import SUFFIXES, open_records
from ..data.files.records import BadRow, Record, RecordStream, names_of, refuse_other_separator
from ..data.files.row_columns import RowColumns
from ..data.files.sources import refuse_repeated
from ..data.files.turn_lists import NO_VALUE, NotTurnsError, value_at
from ..data.prompt.plain_text import plain_text
from ..errors import YoyakError, nearest
from ..resources import sample_dir
from ..text_forms import existing_path

ID, SUMMARY, DIALOGUE = "fname", "summary", "dialogue"
ID_COLUMNS = (ID, "id", "dialogue_id", "dialog_id", "dialogueID")
"""Columns that name a dialogue, besides `data.id_column`."""

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_MODEL_FILES = ("adapter_config.json", "config.json")
_KINDS = {str: "text", int: "a number", float: "a decimal number", bool: "a truth value", list: "a list"}


@dataclass(frozen=True)
class Table:
    """The rows of one file in its order; `ids` is None where the file has no column `fname`.

    `named_id` is `data.id_column` where that is not `fname`.
    """

    source: str
    unit: str
    columns: list[str]
    records: list[Record]
    ids: list[str] | None
    named_id: str | None = None

    def id_columns(self) -> list[str]:
        """Return the columns that name rows, the one that was named first."""
        names = dict.fromkeys((self.named_id or ID, *ID_COLUMNS))
        return [name for name in names if name in self.columns]

    def ids_of(self, column: str) -> list[str]:
        """Return a column's ids as text.

        Raises:
            YoyakError: an id is missing, repeated or of mixed type.
        """
        if column == ID and self.ids is not None:
            return self.ids
        return _ids(self.source, self.unit, self.records, column)

    def named_columns(self) -> str:
        """Return what a message says of the columns."""
        return f"its columns are {names_of(self.columns)}"

    def texts(self, column: str) -> list[str]:
        """Return a column's cells as text; null and NaN are empty."""
        return [self._text(record, column) for record in self.records]

    def truths(self, column: str) -> list[bool]:
        """Return a column's cells as true or false, which may be written as text."""
        cells = [(record, str(record.values.get(column)).strip().lower()) for record in self.records]
        for record, cell in cells:
            if cell not in _TRUTH:
                raise YoyakError(f"{self.place(record)}: '{column}' is '{cell}'; write true or false")
        return [_TRUTH[cell] for _, cell in cells]

    def _text(self, record: Record, column: str) -> str:
        if column not in record.values:
            raise YoyakError(f"{self.place(record)}: no '{column}', which other rows have; mend the row")
        value = record.values[column]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if not isinstance(value, str):
            raise YoyakError(f"{self.place(record)}: '{column}' is {_KINDS.get(type(value), 'something')}, not text")
        if "\0" in value:
            raise YoyakError(f"{self.place(record)}: NUL character: in column '{column}'; mend the row")
        return plain_text(value)

    def place(self, record: Record) -> str:
        """Return where a row is."""
        return _place(self.source, self.unit, record.line)


def read_summaries(source: str, settings: DataSettings | None = None) -> Table:
    """Read a file of CSV, TSV, JSON, JSONL or Parquet, or `sample:en/dev.csv`.

    The columns `dialogue` and `summary` are those of `settings`, of a conversation (`messages`) or of a corpus's
    layout, as in training (`RowColumns`), where the file has none of these names.

    Raises:
        YoyakError: there is no such file, it is a folder, a row is broken, or a column or a `fname` is repeated, or
            ids are of mixed type.
    """
    settings = settings or DataSettings()
    try:
        stream = open_records(_existing_file(source), source, settings.encoding, settings.records)
        refuse_other_separator(stream.columns or [], source, ";\t|")  # before its quotes are found broken
        refuse_repeated(filter(None, stream.columns or ()), source)
        records = list(_records(stream, source, settings))
    except OSError as error:
        raise YoyakError(f"{source}: cannot be read ({error.strerror or type(error).__name__})") from None
    if not records:
        raise YoyakError(f"{source}: no rows")
    columns = list(dict.fromkeys([*(stream.columns or ()), *(name for record in records for name in record.values)]))
    ids = _ids(source, stream.unit, records, ID) if ID in columns else None
    named = settings.id_column if settings.id_column != ID else None
    return Table(source, stream.unit, columns, records, ids, named)


def _records(stream: RecordStream, source: str, settings: DataSettings) -> Iterable[Record]:
    layout = RowColumns(settings, need_summary=False)
    for row in stream.records:
        if isinstance(row, BadRow):
            detail = f": {row.detail}" if row.detail else ""
            raise YoyakError(f"{_place(source, stream.unit, row.line)}: {row.reason}{detail}; mend the row")
        values = row.values
        if stream.columns is not None and stream.encoding == "utf-8-sig":  # perhaps written with --spreadsheet
            values = {name: formula_back(cell) if isinstance(cell, str) else cell for name, cell in values.items()}
        yield Record(row.line, values | _known(values, layout, settings))


def _known(values: dict[str, Any], layout: RowColumns, settings: DataSettings) -> dict[str, Any]:
    """Return what a row lacks of dialogue, summary and id under their usual names; a dialogue's turns as text."""
    try:
        found = layout.values(values)
    except NotTurnsError:
        return {}
    known: dict[str, Any] = {}
    for name, column in ((DIALOGUE, settings.dialogue_column), (SUMMARY, settings.summary_column)):
        value = found.get(column)
        is_free = name not in values or (name == column and not isinstance(values[name], str))
        if isinstance(value, str) and (is_free or (name == DIALOGUE and column in values)):
            known[name] = value
    dialogue = known.get(DIALOGUE, values.get(DIALOGUE))
    if isinstance(dialogue, str):
        known[DIALOGUE] = dialogue_text(plain_text(dialogue), settings.dialogue_format)
    if settings.id_column not in values and (value := value_at(values, settings.id_column)) is not NO_VALUE:
        known[settings.id_column] = value
    return known


def _ids(source: str, unit: str, records: Iterable[Record], column: str) -> list[str]:
    """Return the ids as text after checking that each row has its own, all of one type."""
    first_lines: dict[str, int] = {}
    first_type: tuple[type, int] | None = None
    for record in records:
        place, value = _place(source, unit, record.line), record.values.get(column)
        if value is None or value == "":
            raise YoyakError(f"{place}: no {column}; give each row its own")
        if type(value) not in (str, int):
            raise YoyakError(f"{place}: {column} is {_KINDS.get(type(value), 'no text')}; write it as text")
        first_type = first_type or (type(value), record.line)
        if type(value) is not first_type[0]:
            kinds = f"{_KINDS[type(value)]} here and {_KINDS[first_type[0]]} in {unit} {first_type[1]}"
            raise YoyakError(f"{place}: mixed ids: {column} is {kinds}; write all of them as text")
        name = str(value).strip().encode("utf-8", "replace").decode()  # JSON can hold half of a surrogate pair
        if name in first_lines:
            raise YoyakError(
                f"{place}: {column} {name} is that of {unit} {first_lines[name]} too; give each row its own"
            )
        first_lines[name] = record.line
    return list(first_lines)


def _existing_file(source: str) -> Path:
    sample = source.startswith("sample:")
    path = sample_dir() / source.removeprefix("sample:") if sample else existing_path(Path(os.path.expanduser(source)))
    if path.is_dir():
        raise YoyakError(f"{source}: {_folder_advice(path)}")
    if not path.is_file():
        neighbours = path.parent.iterdir() if path.parent.is_dir() else ()
        hint = nearest(path.name, [child.name for child in neighbours if child.suffix.lower() in SUFFIXES])
        raise YoyakError(f"{source}: no such file{hint}")
    if path.name in _MODEL_FILES and (path.parent / "tokenizer_config.json").exists():
        raise YoyakError(f"{source}: part of a model, not a file of summaries")
    return path


def _folder_advice(path: Path) -> str:
    """Return what the folder is, and which file to name instead."""
    if any((path / name).is_file() for name in _MODEL_FILES):
        option = "--adapter " if (path / _MODEL_FILES[0]).is_file() else "-e CONFIG model.checkpoint="
        return f"a model's folder, not a file of summaries; to score a model: yoyak evaluate {option}{typed_path(path)}"
    if (path / "predictions.jsonl").is_file():
        return f"a run's folder; name its file {path / 'predictions.jsonl'}"
    files = sorted(child.name for child in path.iterdir() if child.suffix.lower() in SUFFIXES)
    return "a folder; name a file" + (f" in it, such as {path / files[0]}" if files else "")


def _place(source: str, unit: str, line: int) -> str:
    return f"{source}:{line}" if unit == "line" else f"{source}: {unit} {line}"
