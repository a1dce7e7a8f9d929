"""Load dialogues and their summaries from files, the shipped samples and the hub into one table of checked rows."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from numbers import Number
from typing import Any

from ...bilingual import Text, count, joined
from ...config.schema import DataSettings
from ...config.typed import typed
from ...errors import YoyakError, first_line
from ..chats.exports import read_chat
from ..prompt.plain_text import plain_text
from ..prompt.turns import speakers_of
from .blank_rows import is_blank
from .chat_rows import ChatRows
from .content_notes import content_notes
from .places import existing_file, open_hub
from .readers import as_rows, open_records
from .records import BadRow, RecordStream, dropped_for, names_of, refuse_other_separator
from .row_columns import RowColumns
from .turn_lists import NotTurnsError
from .usual_names import USUAL_DIALOGUE_COLUMNS, USUAL_SUMMARY_COLUMNS, Names, usual_in

_MOST_COLUMNS_COMPARED = 1000  # with the names that are usual


@dataclass(frozen=True, slots=True)
class DialogueRow:
    """A dialogue (one turn a line), its summary (empty where none was needed), its name and perhaps its topic."""

    fname: str
    dialogue: str
    summary: str
    topic: str | None = None


_MOST_KEPT = 1000  # bad rows of a reason: a file may hold millions


@dataclass
class DialogueTable:
    """The rows of a source, and the ones that were left out.

    `source` is the path as the user said it, `encoding` what its text was decoded with, `unit` what the line numbers of
    `dropped` count: lines, or rows in files without lines (Parquet, hub). `dropped` has the first rows of each reason,
    `dropped_counts` counts all, `dropped_lines` the lines that they took. `values` has all columns of each row, where
    they were asked for. `composed_rows` had decomposed characters, `composed_columns` such a name (`composed_rows.py`).
    `chats` tells of dialogues that are exports of messengers or meetings, `notes` are the lines that reading it said.
    """

    source: str
    encoding: str
    unit: str = "line"
    rows: list[DialogueRow] = field(default_factory=list)
    dropped: list[BadRow] = field(default_factory=list)
    dropped_counts: Counter[str] = field(default_factory=Counter)
    dropped_lines: Counter[str] = field(default_factory=Counter)
    values: list[dict[str, Any]] = field(default_factory=list)
    composed_rows: int = 0
    composed_columns: list[str] = field(default_factory=list)
    chats: ChatRows = field(default_factory=ChatRows)
    notes: list[str] = field(default_factory=list)

    @property
    def duplicate_dialogues(self) -> int:
        """How many rows repeat the dialogue of an earlier row, character for character."""
        return len(self.rows) - len({row.dialogue for row in self.rows})

    def first(self, most: int | None) -> "DialogueTable":
        """Return the table with its first `most` rows; what was left out is of the whole source."""
        return replace(self, rows=self.rows[:most])

    def drop(self, bad: BadRow) -> None:
        """Count a row that is left out, and keep it where it is among the first of its reason."""
        self.dropped_counts[bad.reason] += 1
        self.dropped_lines[bad.reason] += bad.lines
        if self.dropped_counts[bad.reason] <= _MOST_KEPT:
            self.dropped.append(bad)

    def dropped_by_reason(self) -> dict[str, int]:
        """Return how many rows were left out for each reason, the most frequent reason first."""
        return dict(self.dropped_counts.most_common())

    def losses(self) -> list[tuple[int, Text]]:
        """Return as `dropped_by_reason`, each reason with the number of lines that its rows took where that is more."""
        return [(count, self._loss(reason, count)) for reason, count in self.dropped_counts.most_common()]

    def _loss(self, reason: str, count: int) -> Text:
        why, lines = dropped_for(reason), self.dropped_lines[reason]
        return Text(f"{why}, {lines:,} lines", f"{why.ko}, {lines:,}줄") if lines > count else why


def load_dialogues(
    source: str, settings: DataSettings, need_summary: bool = True, keep_values: bool = False
) -> DialogueTable:
    """Load all dialogues of `source`: a file, `sample:en/train.csv`, or `hub:NAME[:SPLIT]`.

    `need_summary=False` accepts rows and files without summaries (inference); `keep_values` keeps all columns. With
    `settings.on_bad_rows` `refuse` the first bad row raises YoyakError with its line; with `drop` bad rows are recorded
    in the table's `dropped`.

    Raises YoyakError as well for a source that cannot be found, read or decoded, that lacks a column, or that is empty.
    """
    table = read_dialogues(source, settings, need_summary, keep_values)
    if table.dropped and settings.on_bad_rows == "refuse":
        raise YoyakError(_refusal(table))
    if not table.rows:
        reasons = [(count, dropped_for(reason)) for reason, count in table.dropped_counts.most_common()]
        counts = joined(Text(f"{count} {why}", f"{why.ko} {count}개") for count, why in reasons)
        raise YoyakError(f"{source}: no usable row ({counts})")
    return table


def read_dialogues(
    source: str, settings: DataSettings, need_summary: bool = True, keep_values: bool = False
) -> DialogueTable:
    """Read `source` as `load_dialogues` does, but record bad rows whatever `settings.on_bad_rows` says."""
    if need_summary and settings.dialogue_column == settings.summary_column:
        raise YoyakError(
            f"data.dialogue_column and data.summary_column are both {settings.summary_column!r}, and a summary would "
            "be its whole dialogue; name two columns"
        )
    try:
        if source.startswith("hub:"):
            stream = as_rows(open_hub(source), source)
        else:
            stream = open_records(existing_file(source), source, settings.encoding, settings.records)
        return _read_rows(stream, source, settings, need_summary, keep_values)
    except OSError as error:
        raise YoyakError(f"{source}: cannot be read ({error.strerror or first_line(error)})") from None


class _BadCellError(Exception):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def _read_rows(
    stream: RecordStream, source: str, settings: DataSettings, need_summary: bool, keep_values: bool
) -> DialogueTable:
    if stream.columns is not None and stream.unit == "line" and not {"messages", "conversations"} & set(stream.columns):
        _require_columns(stream.columns, set(stream.columns), source, settings, need_summary)
    if keep_values and stream.columns is not None:
        refuse_repeated(stream.columns, source)
    table = DialogueTable(source, stream.encoding, stream.unit, composed_columns=stream.composed_columns)
    columns = RowColumns(settings, need_summary)
    line_of_id: dict[str, int] = {}
    number = composed_rows = 0
    for number, record in enumerate(stream.records, 1):
        if isinstance(record, BadRow):
            table.drop(record)
            continue
        composed_rows += record.composed
        try:
            row = _row(columns.values(record.values), f"row_{number}", settings, need_summary)
            if row.fname in line_of_id:
                first = line_of_id[row.fname]
                raise _BadCellError("repeated id", f"{row.fname!r} is that of {stream.unit} {first} too")
        except _BadCellError as bad:
            table.drop(BadRow(record.line, bad.reason, bad.detail))
            continue
        except NotTurnsError as error:
            table.drop(BadRow(record.line, "not text", str(error)))
            continue
        line_of_id[row.fname] = record.line
        chat = read_chat(row.dialogue, settings.dialogue_format)
        if chat is not None:
            row = replace(row, dialogue=chat.text)
            table.chats.add(chat, record.line)
        table.rows.append(row)
        if keep_values:
            table.values.append(record.values)
    if number == 0:
        raise YoyakError(f"{source}: {'a header but no rows' if stream.columns else 'no rows'}")
    if columns.names:  # JSON names its columns row by row; a conversation layout shows in the rows
        names = list(columns.names)
        _require_columns(names, {getattr(settings, name) for name in columns.found}, source, settings, need_summary)
    if table.rows:
        table.chats.refuse_other_format(source, settings.dialogue_format)
    of_content = content_notes(
        [row.dialogue for row in table.rows], [row.summary for row in table.rows], bool(table.chats.formats)
    )
    notes = [columns.note, _asked_again(columns.asked_again), *of_content]
    said = [f"{source}: {note}" for note in filter(None, notes)]
    said += [f"{source}: {note}" for note in table.chats.notes(stream.unit, settings.dialogue_format)]
    for line in said:
        logging.getLogger("yoyak").warning("%s", line)
    return replace(table, composed_rows=composed_rows, notes=[*stream.notes, *said])


def _asked_again(rows: int) -> str | None:
    """Return what to say of rows with several messages of the user and no summary of their own."""
    if not rows:
        return None
    return (
        f"{count(rows, 'row holds', 'rows hold')} several messages of the user: the last one is read as the dialogue, "
        "the answer to it as the summary; where all messages are the dialogue, name their column with "
        "data.dialogue_column"
    )


def _row(values: dict[str, Any], default_name: str, settings: DataSettings, need_summary: bool) -> DialogueRow:
    dialogue = _text(values.get(settings.dialogue_column), settings.dialogue_column)
    summary = _text(values.get(settings.summary_column), settings.summary_column)
    if not dialogue:
        raise _BadCellError("no dialogue")
    if not summary and need_summary:
        raise _BadCellError("no summary")
    return DialogueRow(
        fname=_text(values.get(settings.id_column), settings.id_column) or default_name,
        dialogue=dialogue,
        summary=summary,
        topic=_text(values.get(settings.topic_column), settings.topic_column) or None,
    )


def _text(value: Any, column: str) -> str:
    """Return a cell as `plain_text`; null and NaN are empty."""
    if is_blank(value):
        return ""
    if not isinstance(value, str):
        if isinstance(value, Number) and not isinstance(value, bool):
            return str(value)
        raise _BadCellError("not text", f"column '{column}' holds a {type(value).__name__}")
    if "\0" in value:
        raise _BadCellError("NUL character", f"in column '{column}'")
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can hold half of a surrogate pair, which no tokenizer takes
        raise _BadCellError("broken character", f"a lone surrogate in column '{column}'") from None
    return plain_text(value)


def _refusal(table: DialogueTable) -> str:
    first = table.dropped[0]
    place = f"{table.source}:{first.line}" if table.unit == "line" else f"{table.source}: {table.unit} {first.line}"
    detail = f": {first.detail}" if first.detail else ""
    others = table.dropped_counts.total() - 1
    more = f" (and {others} more)" if others else ""
    return f"{place}: {first.reason}{detail}{more}; mend the rows or set data.on_bad_rows=drop"


def _require_columns(
    columns: list[str], found: set[str], source: str, settings: DataSettings, need_summary: bool
) -> None:
    wanted: dict[str, Names] = {"dialogue_column": USUAL_DIALOGUE_COLUMNS}
    if need_summary:
        wanted["summary_column"] = USUAL_SUMMARY_COLUMNS
    read = {getattr(settings, name) for name in (*wanted, "id_column", "topic_column")}
    refuse_repeated([column for column in columns if column in read], source)
    missing = [setting for setting in wanted if getattr(settings, setting) not in found]
    if not missing:
        return
    refuse_other_separator(columns, source, ";\t|,")
    names = " and ".join(f"'{getattr(settings, setting)}'" for setting in missing)
    if any(len(speakers_of(column)) > 1 for column in columns):
        raise YoyakError(
            f"{source}: no column {names}; its first line is a row: write the names of the columns above it, such as "
            "dialogue,summary"
        )
    likely = {setting: _likely_column(columns, wanted[setting], getattr(settings, setting)) for setting in missing}
    if "" in columns and any(columns) and not any(likely.values()):
        raise YoyakError(
            f"{source}: no column {names}; its first line is {names_of(filter(None, columns))}; if that is a title, "
            "delete the lines above the names of the columns"
        )
    hints = " ".join(typed(f"data.{setting}", column or "COLUMN") for setting, column in likely.items())
    said = f"{source}: no column {names}; its columns are {names_of(columns)}; use {hints}"
    if any(getattr(settings, setting) != DataSettings.model_fields[setting].default for setting in missing):
        said += ", for all data files, or rename its columns"  # perhaps another file has those that were named
    raise YoyakError(said)


def refuse_repeated(columns: Iterable[str], source: str) -> None:
    """Raise YoyakError for a name that two columns have, of which one would be read as both."""
    for column, times in Counter(columns).items():
        if times > 1 and not column:  # of a sheet that is wider than its table
            raise YoyakError(f"{source}: {times} columns have no name; name them, or delete them where they are empty")
        if times > 1:
            raise YoyakError(f"{source}: the column '{column}' occurs twice; rename one")


def _likely_column(columns: list[str], usual: Names, wanted: str) -> str | None:
    """Return the one column that the user may have meant; None where two are as likely."""
    from difflib import SequenceMatcher, get_close_matches

    by_lower_name: dict[str, str] = {}
    for column in reversed(columns[:_MOST_COLUMNS_COMPARED]):
        by_lower_name |= {column.lower(): column, column.rpartition(".")[2].lower(): column}
    if found := usual_in(columns[:_MOST_COLUMNS_COMPARED], usual):
        return found[0] if len(found) == 1 else None
    close = get_close_matches(wanted.lower(), list(by_lower_name), n=2, cutoff=0.7)
    alike = [SequenceMatcher(a=name, b=wanted.lower()).ratio() for name in close]
    is_clear = len(alike) == 1 or (len(alike) == 2 and alike[0] > alike[1])
    return by_lower_name[close[0]] if is_clear else None
