"""What a data file's reader yields: rows with the line on which each starts, and the bounds on a row's size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ...bilingual import Text
from ...errors import YoyakError

LONGEST_ROW_CHARS = 16 << 20
"""Of text, in a row of any format: what is longer is no dialogue, but a file without line ends, or an open quote."""
MOST_COLUMNS = 4096
USER_ROLES = {"user", "human"}
ASSISTANT_ROLES = {"assistant", "gpt", "model", "chatgpt"}

_REASONS = {
    "broken JSON": "깨진 JSON",
    "broken character": "깨진 글자",
    "broken quoting": "따옴표가 맞지 않음",
    "no dialogue": "대화 없음",
    "no summary": "요약 없음",
    "not an object": "JSON 객체가 아님",
    "not text": "텍스트가 아님",
    "NUL character": "NUL 문자",
    "repeated column": "열 이름이 겹침",
    "repeated id": "id가 겹침",
    "row too long": "행이 너무 긺",
    "wrong number of fields": "필드 수가 맞지 않음",
}

_MOST_NAMES_SHOWN = 20
_LONGEST_NAME_SHOWN = 40


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: the line (1-based) on which it starts, the kind of fault, and the fault itself.

    `lines` is how many lines it took, some of which may have been rows of their own.
    """

    line: int
    reason: str
    detail: str = ""
    lines: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """A row: the line (1-based) on which it starts, and its values by column name, whose text is `composed` or was."""

    line: int
    values: dict[str, Any]
    composed: bool = False


@dataclass(frozen=True, slots=True)
class RecordStream:
    """An opened file: its rows, read as they are asked for.

    `columns` is None where they are known only at the end (JSON). `unit` says what `Record.line` counts: lines, or rows
    where a file has no lines. `encoding` is the one that the text was decoded with. `composed_columns` are those whose
    names the file has in another form. `notes` are sentences on the rows that were changed or left out: they are there
    when all rows are read.
    """

    columns: list[str] | None
    encoding: str
    unit: str
    records: Iterator[Record | BadRow]
    composed_columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def dropped_for(reason: str) -> Text:
    """Return a kind of fault (`BadRow.reason`) in both languages."""
    return Text(reason, _REASONS.get(reason, reason))


def too_long(line: int) -> BadRow:
    """Return the row that starts in `line` and is longer than LONGEST_ROW_CHARS."""
    return BadRow(line, "row too long", f"more than {LONGEST_ROW_CHARS:,} characters")


def names_of(columns: Iterable[str]) -> str:
    """Return the first names of columns, each cut where it is long, as messages show them."""
    names = [" ".join(column.split())[:_LONGEST_NAME_SHOWN] for column in islice(columns, _MOST_NAMES_SHOWN + 1)]
    return ", ".join(names[:_MOST_NAMES_SHOWN]) + (", ..." if len(names) > _MOST_NAMES_SHOWN else "")


def refuse_many_columns(count: int, name: str) -> None:
    """Raise YoyakError for a file with more than MOST_COLUMNS columns."""
    if count > MOST_COLUMNS:
        raise YoyakError(f"{name}: {count:,} columns, {MOST_COLUMNS:,} at most; leave out those that are not needed")


def refuse_other_separator(columns: list[str], name: str, marks: str) -> None:
    """Raise YoyakError for a file of one column whose name holds one of `marks`, which separates its columns."""
    if len(columns) == 1 and (mark := next((mark for mark in marks if mark in columns[0]), None)):
        raise YoyakError(f"{name}: one column, with {mark!r} in its name; separate by commas (.csv) or tabs (.tsv)")


def messages_of(values: dict[str, Any]) -> Any:
    """Return what a row holds as messages, in one column or as TRL's `prompt` and `completion`; None where nothing."""
    prompt, completion = values.get("prompt"), values.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        return [*prompt, *completion]
    return values.get("messages", values.get("conversations"))


def conversation_columns(values: dict[str, Any]) -> tuple[Any, Any] | None:
    """Return dialogue and summary of a row in the messages, ShareGPT or TRL's layout, None for any other row.

    The dialogue is the last user message, whole; the summary is the assistant's answer to it, None where there is none.
    """
    turns = messages_of(values)
    if not isinstance(turns, list):
        return None
    if not all(isinstance(turn, dict) and turn.keys() & {"role", "from"} for turn in turns):
        return None
    dialogue = summary = None
    for turn in turns:
        role = turn.get("role", turn.get("from"))
        content = turn.get("content", turn.get("value"))
        if not isinstance(role, str):
            continue
        if role in USER_ROLES:
            dialogue, summary = content, None
        elif role in ASSISTANT_ROLES:
            summary = content
    return dialogue, summary
