"""Summaries from files: predictions and references, joined by their ids, with every mistake in one line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..config.schema import DataSettings
from ..data.files.content_notes import is_missing_word
from ..errors import YoyakError, nearest
from ..text_forms import plain_name
from .joining import Order, is_same_file, join_rows
from .summary_table import DIALOGUE, SUMMARY, Table, read_summaries

__all__ = ["RUN_COLUMNS", "Joined", "join_files", "read_summaries", "summaries_of"]

T = TypeVar("T")
ENDED, LOOPED = "ended", "looped"
REFERENCE_COLUMN = "reference"
"""Column of the references where a file's `summary` is what a model wrote, as in `evaluation/dev.jsonl` of a run."""
RUN_COLUMNS = ("zero_shot", "fine_tuned", "consensus", "ensemble")
"""Columns that hold what models wrote, in files of runs, of several models and of folds; `summary` is the reference."""
_GENERATED = "generated_summary"  # of `yoyak summarize`, where the input has a `summary`: that is the reference
_OTHER_PREDICTIONS = ("predict", "prediction", "pred", "predicted_summary", "generated_text")
_OTHER_REFERENCES = ("label", "labels", "target", "gold", "highlights", "요약")

_NUMBERED = re.compile(r"summary\d+")


@dataclass(frozen=True)
class Joined:
    """Summaries and what belongs to them, a dialogue an entry, in the order of the references' file."""

    ids: list[str]
    predictions: list[str]
    references: list[list[str]]
    baseline: list[str] | None
    dialogues: list[str] | None
    ended: list[bool] | None
    looped: list[bool] | None
    by_row: bool
    """Whether the files had no ids in common and were joined row by row."""
    notes: list[str] = field(default_factory=list)
    """What was found by itself: columns with other names, files that were joined by their dialogues, odd rows."""


def join_files(
    predictions: str,
    references: str | None,
    baseline: str | None = None,
    dialogues: str | None = None,
    column: str | None = None,
    baseline_column: str | None = None,
    reference_column: str | None = None,
    by_row: bool = False,
    settings: DataSettings | None = None,
) -> Joined:
    """Read the files and join them (`join_rows`).

    Args:
        predictions: file with the summaries to score, in `column` (by default `summary`).
        references: file with one reference a dialogue (`summary`, or `reference` where the file has that, or
            `reference_column`) or several (`summary1`, `summary2`, ...); None where the predictions' file has them
            too, as LLaMA-Factory's.
        baseline: file with another system's summaries, in `baseline_column` (by default as `column`).
        dialogues: file with the dialogues, by default the one of the other files that has a column `dialogue`.
        by_row: join files without common ids row by row.
        settings: how files are read, and `data.id_column`.

    Raises:
        YoyakError: a file or a column is missing, an id is missing, repeated, extra or of mixed type, nothing joins the
            files, a column would be scored against itself, or all summaries are empty.
    """
    column, baseline_column, reference_column = (
        None if name is None else plain_name(name) for name in (column, baseline_column, reference_column)
    )
    predicted = read_summaries(predictions, settings)
    notes: list[str] = []
    name = summaries_column(predicted, column, "--column", notes)
    expected = predicted if references is None else read_summaries(references, settings)
    _need_named_ids(predicted, expected)
    names = _reference_columns(expected, reference_column, notes, settings or DataSettings())
    if names == [name] and is_same_file(predicted.source, expected.source):
        if references is None:
            raise YoyakError("name both files: --predictions FILE --references FILE")
        advice = "name other columns with --column and --reference-column"
        raise YoyakError(f"{predictions}: '{name}' would be scored against itself; {advice}")
    groups = _references(expected, names)
    texts = _texts(predicted, name, notes)
    order = _joined(predicted, expected, by_row, notes)
    other = None
    if baseline is not None:
        table = read_summaries(baseline, settings)
        its = summaries_column(table, baseline_column or column, "--baseline-column", notes)
        for file, columns in ((predicted, [name]), (expected, names)):
            if columns == [its] and is_same_file(file.source, table.source):
                raise YoyakError(
                    f"{baseline}: '{its}' would be compared with itself; name another column with --baseline-column, "
                    "or another file"
                )
        other = _picked(_texts(table, its, notes), _joined(table, expected, by_row, notes).rows)
    ended = predicted.truths(ENDED) if ENDED in predicted.columns else None
    known = all(LOOPED in record.values for record in predicted.records)  # not of rows that older versions wrote
    looped = predicted.truths(LOOPED) if known else None
    return Joined(
        order.ids,
        _picked(texts, order.rows),
        groups,
        other,
        _dialogues(dialogues, expected, predicted, order, by_row, settings, notes),
        None if ended is None else _picked(ended, order.rows),
        None if looped is None else _picked(looped, order.rows),
        order.by == "rows",
        notes,
    )


def _joined(table: Table, expected: Table, by_row: bool, notes: list[str]) -> Order:
    order = join_rows(table, expected, by_row)
    if order.by == "dialogues":
        notes.append(f"{table.source}: no ids in common with {expected.source}; joined by their dialogues.")
    notes += order.notes(table.source, expected.source)
    return order


def summaries_of(table: Table, column: str | None, option: str, notes: list[str]) -> list[str]:
    """Return the summaries that a table's `column`, or the one that holds them by its name, has.

    Raises:
        YoyakError: the column is missing, not clear, or empty in all rows; `option` is what names it.
    """
    return _texts(table, summaries_column(table, column, option, notes), notes)


def summaries_column(table: Table, column: str | None, option: str, notes: list[str]) -> str:
    """Return the column of the summaries to score; what is not `summary` by default is noted."""
    own = [name for name in RUN_COLUMNS if name in table.columns]
    if column is None and own:
        choices = " or ".join(f"{option} {name}" for name in own)
        raise YoyakError(f"{table.source}: a run's predictions, whose '{SUMMARY}' is the reference; say {choices}")
    if column is None:
        predicted = [name for name in _OTHER_PREDICTIONS if name in table.columns]
        if _GENERATED in table.columns:
            column = _GENERATED
        elif SUMMARY not in table.columns:
            column = predicted[0] if len(predicted) == 1 else SUMMARY
        elif predicted and REFERENCE_COLUMN not in table.columns:  # `summary` may be the reference, as in data
            raise YoyakError(
                f"{table.source}: both '{SUMMARY}' and '{predicted[0]}' may be the summaries; say {option} "
                f"{predicted[0]} or {option} {SUMMARY}"
            )
        else:
            column = SUMMARY
        if column != SUMMARY:
            notes.append(f"{table.source}: the summaries are '{column}'.")
    return _existing(table, column, option)


def _existing(table: Table, column: str, option: str) -> str:
    if column not in table.columns:
        hint = nearest(column, table.columns)
        raise YoyakError(f"{table.source}: no column '{column}'{hint}; {table.named_columns()}; name one with {option}")
    return column


def _texts(table: Table, column: str, notes: list[str]) -> list[str]:
    texts = table.texts(column)
    if not any(texts):
        raise YoyakError(f"{table.source}: every '{column}' is empty; there is nothing to score")
    if words := list(filter(is_missing_word, texts)):
        notes.append(
            f"{table.source}: {len(words)} of {len(texts)} summaries are '{words[0]}' or the like, as programs write a "
            "missing one; scored as words."
        )
    if written := sum("\\n" in text and "\n" not in text for text in texts):
        notes.append(
            f"{table.source}: {written} of {len(texts)} summaries have \\n as two characters, which are scored with "
            "the words beside them; write real line ends."
        )
    return texts


def _need_named_ids(table: Table, expected: Table) -> None:
    """Raise YoyakError where neither file has the column that `data.id_column` names: another one would join them."""
    if table.named_id and table.named_id not in {*table.columns, *expected.columns}:
        raise YoyakError(
            f"{table.source}: no column '{table.named_id}', as data.id_column says, nor in {expected.source}; "
            f"{table.named_columns()}"
        )


def _reference_columns(table: Table, column: str | None, notes: list[str], settings: DataSettings) -> list[str]:
    if column is not None:
        return [_existing(table, column, "--reference-column")]
    if settings.summary_column != SUMMARY and settings.summary_column in table.columns:
        return [settings.summary_column]
    numbered = sorted(filter(_NUMBERED.fullmatch, table.columns), key=lambda name: int(name.removeprefix(SUMMARY)))
    if SUMMARY in table.columns and numbered and REFERENCE_COLUMN not in table.columns:
        raise YoyakError(f"{table.source}: both '{SUMMARY}' and '{numbered[0]}'; keep the one or the numbered ones")
    names = [REFERENCE_COLUMN] if REFERENCE_COLUMN in table.columns else numbered or [SUMMARY]
    if names[0] in table.columns:
        return names
    others = [name for name in _OTHER_REFERENCES if name in table.columns]
    if len(others) == 1:
        notes.append(f"{table.source}: the references are '{others[0]}'.")
        return others
    raise YoyakError(
        f"{table.source}: no column '{SUMMARY}' (or '{SUMMARY}1', ...); {table.named_columns()}; name one with "
        "--reference-column"
    )


def _references(table: Table, names: Sequence[str]) -> list[list[str]]:
    columns = [table.texts(name) for name in names]
    groups = [[text for text in its if text] for its in zip(*columns, strict=True)]
    for record, its in zip(table.records, groups, strict=True):
        if not its:
            raise YoyakError(f"{table.place(record)}: the reference is empty; leave the row out")
        if none := next(filter(is_missing_word, its), None):
            raise YoyakError(
                f"{table.place(record)}: a reference is '{none}', as programs write a missing one; leave the cell "
                "empty, or the row out"
            )
    return groups


def _dialogues(
    source: str | None,
    expected: Table,
    predicted: Table,
    order: Order,
    by_row: bool,
    settings: DataSettings | None,
    notes: list[str],
) -> list[str] | None:
    """Return the dialogue of each reference; None where one has none, to which nothing can be held."""
    tables: list[tuple[Table, Sequence[int]]] = [(expected, range(len(order.rows))), (predicted, order.rows)]
    if source is not None:
        table = read_summaries(source, settings)
        if DIALOGUE not in table.columns:
            raise YoyakError(f"{source}: no column '{DIALOGUE}'; {table.named_columns()}")
        tables = [(table, _joined(table, expected, by_row, notes).rows)]
    texts = [""] * len(order.rows)
    for table, rows in tables:
        if DIALOGUE in table.columns and not all(texts):
            texts = [text or own for text, own in zip(texts, _picked(table.texts(DIALOGUE), rows), strict=True)]
    without = [name for name, text in zip(order.ids, texts, strict=True) if not text]
    if without and (source or any(texts)):
        counts = f"{len(without)} of {len(texts)} rows have no dialogue"
        notes.append(f"{source or expected.source}: {counts}, such as {without[0]}.")
    return None if without else texts


def _picked(values: Sequence[T], order: Sequence[int]) -> list[T]:
    return [values[row] for row in order]
