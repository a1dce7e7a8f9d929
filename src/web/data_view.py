"""What a data file holds, a page of rows at a time: read in the worker, which keeps the last file for the next page."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from ..bilingual import Text
from ..config.schema import DataSettings
from ..data.files.readers import open_records
from ..data.files.records import BadRow, Record
from ..data.files.sources import DialogueRow, DialogueTable, read_dialogues
from ..data.files.usual_names import USUAL_DIALOGUE_COLUMNS, USUAL_SUMMARY_COLUMNS, usual_in
from ..data.prompt.turns import turns_of
from ..data.tools.check import count_bins
from ..data.tools.duplicates import duplicate_groups
from ..errors import YoyakError
from .paging import page_there

ROWS_A_PAGE = 20
_MOST_BAD_SHOWN = 200
_MOST_COMPARED_ROWS = 50_000


@dataclass(frozen=True)
class DataView:
    """A file as a page shows it.

    Attributes:
        rows: usable rows.
        notes: what reading the file said of it, a line each.
        shown: the rows of the page, each with its number from 1.
        bad: the first rows that can't be used; `bad_counts` counts all by reason.
        turns: mean, median and most turns of a dialogue; so `dialogue_chars` and `summary_chars`.
        bins: upper bounds of dialogue lengths in characters, and how many there are.
    """

    encoding: str
    unit: str
    notes: list[str]
    rows: int
    shown: list[tuple[int, DialogueRow]]
    bad: list[BadRow]
    bad_counts: dict[str, int]
    repeated: int
    topics: list[tuple[str, int]]
    turns: tuple[float, float, int]
    dialogue_chars: tuple[float, float, int]
    summary_chars: tuple[float, float, int]
    bins: list[tuple[float, int]]


_last: tuple[tuple[object, ...], DialogueTable, DataView] | None = None


def view_of_data(path: Path, settings: dict[str, str], page: int) -> DataView:
    """Return a page of a file.

    Args:
        path: the file.
        settings: what `data.*` says of columns and encoding.
        page: from 0; the last one where there are fewer.

    Raises:
        YoyakError: the file as a whole can't be read.
    """
    global _last
    found = os.stat(path)
    key = (path, found.st_mtime_ns, found.st_size, tuple(sorted(settings.items())))
    if _last is None or _last[0] != key:
        _last = None
        table = read_dialogues(str(path), settings_of(settings))
        _last = key, table, _measured(table, path)
    _, table, view = _last
    first = page_there(page, len(table.rows), ROWS_A_PAGE) * ROWS_A_PAGE
    shown = list(enumerate(table.rows[first : first + ROWS_A_PAGE], first + 1))
    return DataView(**{**vars(view), "shown": shown})


def settings_of(settings: dict[str, str]) -> DataSettings:
    """Return data settings; YoyakError where a value is none of those that are allowed."""
    try:
        return DataSettings.model_validate({name: value for name, value in settings.items() if value})
    except ValueError as error:
        first = error.errors(include_url=False)[0] if hasattr(error, "errors") else {}
        raise YoyakError(f"data.{'.'.join(map(str, first.get('loc', ())))}: {first.get('msg', error)}") from None


def _measured(table: DialogueTable, path: Path) -> DataView:
    dialogue_chars = [len(row.dialogue) for row in table.rows]
    bins = count_bins(dialogue_chars)
    return DataView(
        encoding=table.encoding,
        unit=table.unit,
        notes=[_under_its_name(note, path) for note in table.notes],
        rows=len(table.rows),
        shown=[],
        bad=table.dropped[:_MOST_BAD_SHOWN],
        bad_counts=table.dropped_by_reason(),
        repeated=table.duplicate_dialogues,
        topics=Counter(row.topic for row in table.rows if row.topic).most_common(12),
        turns=_figures([len(turns_of(row.dialogue)) for row in table.rows]),
        dialogue_chars=_figures(dialogue_chars),
        summary_chars=_figures([len(row.summary) for row in table.rows]),
        bins=[(one.high, one.count) for one in bins],
    )


def _under_its_name(note: str, path: Path) -> str:
    """Return a line about a file with its name in place of its path."""
    short = str(note).replace(str(path), path.name)
    return Text(short, note.ko.replace(str(path), path.name)) if isinstance(note, Text) else short


def _figures(counts: list[int]) -> tuple[float, float, int]:
    return (mean(counts), median(counts), max(counts)) if counts else (0.0, 0.0, 0)


def columns_of(path: Path, settings: dict[str, str]) -> list[str]:
    """Return the names of a file's columns, none where it can't be read; of JSON, those of its first rows."""
    usual = settings_of({name: settings[name] for name in ("encoding", "records") if settings.get(name)})
    stream = open_records(path, path.name, usual.encoding, usual.records)
    if stream.columns is not None:
        return stream.columns
    names: dict[str, None] = {}
    for _, record in zip(range(100), stream.records, strict=False):
        if isinstance(record, Record):
            names |= dict.fromkeys(record.values)
    return list(names)


def guessed_columns(columns: list[str], settings: dict[str, str]) -> dict[str, str]:
    """Return settings with the columns that are usually dialogues and summaries, where the file has no such names.

    Of two that may be meant none is taken: the page asks.
    """
    guessed: dict[str, str] = {}
    usual_names = {"dialogue_column": USUAL_DIALOGUE_COLUMNS, "summary_column": USUAL_SUMMARY_COLUMNS}
    for name, usual in usual_names.items():
        if name not in settings and usual[0][0] not in columns:
            found = usual_in(columns, usual)
            guessed |= {name: found[0]} if len(found) == 1 else {}
    return guessed | settings


def _settings_that_fit(path: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return what another file's settings say of columns and rows that this file has too, and the usual for the rest.

    Its encoding is found out anew.
    """
    fitting = {name: settings[name] for name in ("records",) if settings.get(name)}
    try:
        columns = columns_of(path, fitting)
    except YoyakError:
        if not fitting:
            raise
        fitting = {}
        columns = columns_of(path, fitting)
    fitting |= {name: value for name, value in settings.items() if name.endswith("_column") and value in columns}
    return guessed_columns(columns, fitting)


def shared_dialogues(path: Path, other: Path, settings: dict[str, str]) -> tuple[int, int]:
    """Return how many dialogues of a file are in another one too, letter for letter and nearly.

    `settings` are the file's. Of the other one, which needs no summaries, those hold that fit it.

    Raises:
        YoyakError: a file can't be read, or there are too many rows to compare on a page.
    """
    ours = read_dialogues(str(path), settings_of(settings)).rows
    theirs = read_dialogues(str(other), settings_of(_settings_that_fit(other, settings)), need_summary=False).rows
    if len(ours) + len(theirs) > _MOST_COMPARED_ROWS:
        raise YoyakError(f"{path.name}: more than {_MOST_COMPARED_ROWS:,} rows to compare; yoyak data stats does that")
    texts = {row.dialogue for row in theirs}
    exact = sum(row.dialogue in texts for row in ours)
    groups = duplicate_groups([row.dialogue for row in (*ours, *theirs)])
    beside = {row for group in groups if group[-1] >= len(ours) for row in group if row < len(ours)}
    return exact, len(beside) - exact
