"""Summaries from files: predictions and references, joined on `fname`, with every mistake in one line."""

import math
import os
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..config.typed import typed_path
from ..data.plain_text import plain_text
from ..data.readers import SUFFIXES, open_records
from ..data.records import BadRow, Record, names_of
from ..errors import YoyakError, nearest
from ..resources import sample_dir
from ..text_forms import existing_path, plain_name

T = TypeVar("T")
ID, SUMMARY, DIALOGUE, ENDED = "fname", "summary", "dialogue", "ended"
REFERENCE = "reference"
"""Column of the references where a file's `summary` is what a model wrote, as in `evaluation/dev.jsonl` of a run."""
RUN_COLUMNS = ("zero_shot", "fine_tuned")
"""Columns of a run's `predictions.jsonl` that hold what the model wrote; its `summary` is the reference."""

_NUMBERED = re.compile(r"summary\d+")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_MODEL_FILES = ("adapter_config.json", "config.json")
_KINDS = {str: "text", int: "a number", float: "a decimal number", bool: "a truth value", list: "a list"}


@dataclass(frozen=True)
class Table:
    """The rows of one file in its order; `ids` is None where the file has no column `fname`."""

    source: str
    unit: str
    columns: list[str]
    records: list[Record]
    ids: list[str] | None

    def ids_not_in(self, others: Container[str]) -> list[str]:
        """Return the ids that are not among `others`."""
        return [name for name in self.ids or () if name not in others]

    def texts(self, column: str) -> list[str]:
        """Return a column's cells as text; null and NaN are empty."""
        return [self._text(record, column) for record in self.records]

    def truths(self, column: str) -> list[bool]:
        """Return a column's cells as true or false, which may be written as text."""
        cells = [(record, str(record.values.get(column)).strip().lower()) for record in self.records]
        for record, cell in cells:
            if cell not in _TRUTH:
                raise YoyakError(f"{self._place(record)}: '{column}' is '{cell}'; write true or false")
        return [_TRUTH[cell] for _, cell in cells]

    def _text(self, record: Record, column: str) -> str:
        if column not in record.values:
            raise YoyakError(f"{self._place(record)}: no '{column}', which other rows have; mend the row")
        value = record.values[column]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if not isinstance(value, str):
            raise YoyakError(f"{self._place(record)}: '{column}' is {_KINDS.get(type(value), 'something')}, not text")
        return plain_text(value)

    def _place(self, record: Record) -> str:
        return _place(self.source, self.unit, record.line)


@dataclass(frozen=True)
class Joined:
    """Summaries and what belongs to them, a dialogue an entry, in the order of the references' file."""

    ids: list[str]
    predictions: list[str]
    references: list[list[str]]
    baseline: list[str] | None
    dialogues: list[str] | None
    ended: list[bool] | None
    by_row: bool
    """Whether the files had no `fname` and were joined row by row."""


def join_files(
    predictions: str,
    references: str,
    baseline: str | None = None,
    dialogues: str | None = None,
    column: str | None = None,
    baseline_column: str | None = None,
) -> Joined:
    """Read the files and join them on `fname`, or row by row where none of them has it.

    Args:
        predictions: file with the summaries to score, in `column` (by default `summary`).
        references: file with one reference a dialogue (`summary`, or `reference` where the file has that) or several
            (`summary1`, `summary2`, ...).
        baseline: file with another system's summaries, in `baseline_column` (by default as `column`).
        dialogues: file with the dialogues, by default the one of the other files that has a column `dialogue`.
        column: column of the summaries to score.
        baseline_column: column of the other system's summaries.

    Raises:
        YoyakError: a file or a column is missing, an id is missing, repeated, extra or of mixed type, or all summaries
            are empty.
    """
    column = plain_name(column) if column is not None else None
    baseline_column = plain_name(baseline_column) if baseline_column is not None else None
    expected, predicted = read_table(references), read_table(predictions)
    groups = _references(expected)
    texts = _summaries(predicted, column, "--column")
    order = _order(predicted, expected)
    ended = predicted.truths(ENDED) if ENDED in predicted.columns else None
    other = None
    if baseline is not None:
        table = read_table(baseline)
        other = _picked(_summaries(table, baseline_column or column, "--baseline-column"), _order(table, expected))
    return Joined(
        expected.ids or [f"row_{number}" for number in range(1, len(groups) + 1)],
        _picked(texts, order),
        groups,
        other,
        _dialogues(dialogues, expected, predicted),
        None if ended is None else _picked(ended, order),
        expected.ids is None,
    )


def read_table(source: str) -> Table:
    """Read a file of CSV, TSV, JSON, JSONL or Parquet, or `sample:en/dev.csv`.

    Raises:
        YoyakError: there is no such file, it is a folder, a row is broken, or an id is repeated or of mixed type.
    """
    try:
        stream = open_records(_existing_file(source), source)
        rows = list(stream.records)
    except OSError as error:
        raise YoyakError(f"{source}: cannot be read ({error.strerror or type(error).__name__})") from None
    records = []
    for row in rows:
        if isinstance(row, BadRow):
            detail = f": {row.detail}" if row.detail else ""
            raise YoyakError(f"{_place(source, stream.unit, row.line)}: {row.reason}{detail}; mend the row")
        records.append(row)
    if not records:
        raise YoyakError(f"{source}: no rows")
    columns = list(dict.fromkeys(stream.columns or [name for record in records for name in record.values]))
    ids = _ids(source, stream.unit, records) if ID in columns else None
    return Table(source, stream.unit, columns, records, ids)


def _ids(source: str, unit: str, records: Iterable[Record]) -> list[str]:
    """Return the ids as text after checking that each row has its own, all of one type."""
    first_lines: dict[str, int] = {}
    first_type: tuple[type, int] | None = None
    for record in records:
        place, value = _place(source, unit, record.line), record.values.get(ID)
        if value is None or value == "":
            raise YoyakError(f"{place}: no {ID}; give each row its own")
        if type(value) not in (str, int):
            raise YoyakError(f"{place}: {ID} is {_KINDS.get(type(value), 'no text')}; write it as text")
        first_type = first_type or (type(value), record.line)
        if type(value) is not first_type[0]:
            kinds = f"{_KINDS[type(value)]} here and {_KINDS[first_type[0]]} in {unit} {first_type[1]}"
            raise YoyakError(f"{place}: mixed ids: {ID} is {kinds}; write all of them as text")
        name = str(value).strip().encode("utf-8", "replace").decode()  # JSON can hold half of a surrogate pair
        if name in first_lines:
            raise YoyakError(f"{place}: {ID} {name} is that of {unit} {first_lines[name]} too; give each row its own")
        first_lines[name] = record.line
    return list(first_lines)


def _order(table: Table, expected: Table) -> list[int]:
    """Return the row of `table` for each row of the references."""
    if (table.ids is None) != (expected.ids is None):
        lacking = table if table.ids is None else expected
        raise YoyakError(f"{lacking.source}: no column '{ID}'; {_columns(lacking)}; both files need it, or neither")
    if table.ids is None or expected.ids is None:
        if len(table.records) != len(expected.records):
            counts = f"{len(table.records)} rows, but {expected.source} has {len(expected.records)}"
            raise YoyakError(f"{table.source}: {counts}; without a column '{ID}' rows are joined by their order")
        return list(range(len(table.records)))
    rows = {name: row for row, name in enumerate(table.ids)}
    missing, extra = expected.ids_not_in(rows), table.ids_not_in(set(expected.ids))
    if len(missing) == len(expected.ids):
        raise YoyakError(
            f"{table.source}: no {ID} in common with {expected.source}, such as {table.ids[0]} and {expected.ids[0]}"
        )
    for kind, ids, where in (("prediction", missing, expected), ("reference", extra, table)):
        if ids:
            raise YoyakError(
                f"{where.source}: {len(ids)} ids without a {kind}, such as {min(ids)}; both files need the same {ID}"
            )
    return [rows[name] for name in expected.ids]


def _summaries(table: Table, column: str | None, option: str) -> list[str]:
    own = [name for name in RUN_COLUMNS if name in table.columns]
    if column is None and own:
        choices = " or ".join(f"{option} {name}" for name in own)
        raise YoyakError(f"{table.source}: a run's predictions, whose '{SUMMARY}' is the reference; say {choices}")
    column = column or SUMMARY
    if column not in table.columns:
        hint = nearest(column, table.columns)
        raise YoyakError(f"{table.source}: no column '{column}'{hint}; {_columns(table)}; name one with {option}")
    texts = table.texts(column)
    if not any(texts):
        raise YoyakError(f"{table.source}: every '{column}' is empty; there is nothing to score")
    return texts


def _references(table: Table) -> list[list[str]]:
    numbered = sorted(filter(_NUMBERED.fullmatch, table.columns), key=lambda name: int(name.removeprefix(SUMMARY)))
    if SUMMARY in table.columns and numbered and REFERENCE not in table.columns:
        raise YoyakError(f"{table.source}: both '{SUMMARY}' and '{numbered[0]}'; keep the one or the numbered ones")
    names = [REFERENCE] if REFERENCE in table.columns else numbered or [SUMMARY]
    if names[0] not in table.columns:
        raise YoyakError(f"{table.source}: no column '{SUMMARY}' (or '{SUMMARY}1', ...); {_columns(table)}")
    columns = [table.texts(name) for name in names]
    groups = [[text for text in its if text] for its in zip(*columns, strict=True)]
    for record, its in zip(table.records, groups, strict=True):
        if not its:
            place = _place(table.source, table.unit, record.line)
            raise YoyakError(f"{place}: the reference is empty; leave the row out")
    return groups


def _dialogues(source: str | None, expected: Table, predicted: Table) -> list[str] | None:
    if source is not None:
        table = read_table(source)
        if DIALOGUE not in table.columns:
            raise YoyakError(f"{source}: no column '{DIALOGUE}'; {_columns(table)}")
        return _picked(table.texts(DIALOGUE), _order(table, expected))
    for table in (expected, predicted):
        if DIALOGUE in table.columns and any(texts := table.texts(DIALOGUE)):
            return _picked(texts, _order(table, expected))
    return None


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


def _columns(table: Table) -> str:
    return f"its columns are {names_of(table.columns)}"


def _place(source: str, unit: str, line: int) -> str:
    return f"{source}:{line}" if unit == "line" else f"{source}: {unit} {line}"


def _picked(values: Sequence[T], order: Sequence[int]) -> list[T]:
    return [values[row] for row in order]
