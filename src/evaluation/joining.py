"""Which row of one file belongs to which of another: by ids, by their dialogues, or row by row where that is asked."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..bilingual import count
from ..data.prompt.plain_text import plain_text
from ..errors import YoyakError
from .summary_table import DIALOGUE, ID, ID_COLUMNS, Table


@dataclass(frozen=True)
class Order:
    """The row of a table for each row of the references, the references' ids, and what joined them.

    `by` is `ids`, `file` (both are one file), `dialogues` or `rows`; `other` are the ids whose two rows have dialogues
    that differ.
    """

    rows: list[int]
    ids: list[str]
    by: str
    other: list[str] = field(default_factory=list)

    def notes(self, source: str, expected: str) -> list[str]:
        """Return what to say of rows of the file `source` that have another dialogue in the one of the references."""
        if not self.other:
            return []
        counts = f"{len(self.other)} of {len(self.ids)} rows have another dialogue in {expected}"
        return [f"{source}: {counts}, such as {self.other[0]}."]


def join_rows(table: Table, expected: Table, by_row: bool = False) -> Order:
    """Return the row of `table` for each row of `expected`, the references.

    Both need ids in a column of one name (`data.id_column`, `fname`, `id`, `dialogue_id`, ...), or the same ids under
    two of these names. Without them the rows are joined by their dialogues where both have the same ones, and row by
    row only with `by_row`.

    Raises:
        YoyakError: ids or rows are missing or extra, nothing joins the files, or their ids join other dialogues.
    """
    numbered = [f"row_{number}" for number in range(1, len(expected.records) + 1)]
    names = _common_names(table, expected)
    if names is not None:
        return _compared(_by_ids(table, expected, *names), table, expected)
    if is_same_file(table.source, expected.source):
        return Order(list(range(len(numbered))), numbered, "file")
    theirs, ours = _dialogues(expected), _dialogues(table)
    if all(theirs) and all(ours):
        if ours == theirs:
            return Order(list(range(len(numbered))), numbered, "dialogues")
        places = {dialogue: row for row, dialogue in enumerate(ours)}
        if len(places) == len(ours) and Counter(ours) == Counter(theirs):
            return Order([places[dialogue] for dialogue in theirs], numbered, "dialogues")
    if by_row:
        if len(table.records) != len(expected.records):
            counts = f"{count(len(table.records), 'row')}, but {expected.source} has {len(expected.records)}"
            raise YoyakError(f"{table.source}: {counts}; without a column '{ID}' rows are joined by their order")
        return _compared(Order(list(range(len(numbered))), numbered, "rows"), table, expected)
    raise YoyakError(_nothing_joins(table, expected))


def _nothing_joins(table: Table, expected: Table) -> str:
    if (ID in table.columns) != (ID in expected.columns):
        lacking = expected if ID in table.columns else table
        advice = "both files need it, or neither with --by-row"
        return f"{lacking.source}: no column '{ID}'; {lacking.named_columns()}; {advice}"
    names = ", ".join(ID_COLUMNS[:3])
    return (
        f"{table.source}: no ids in common with {expected.source} ({names}, or data.id_column); add them, or say "
        "--by-row where the rows of both stand in the same order"
    )


def _common_names(table: Table, expected: Table) -> tuple[str, str] | None:
    """Return the columns whose ids join two tables, the first where all of them have no id in common."""
    shared = [name for name in table.id_columns() if name in expected.columns]
    for name in shared:
        if set(table.ids_of(name)) & set(expected.ids_of(name)):
            return name, name
    if shared:
        return shared[0], shared[0]
    for name in table.id_columns():
        for other in expected.id_columns():
            if set(table.ids_of(name)) & set(expected.ids_of(other)):
                return name, other
    return None


def _by_ids(table: Table, expected: Table, name: str, other: str) -> Order:
    ours, theirs = table.ids_of(name), expected.ids_of(other)
    rows = {value: row for row, value in enumerate(ours)}
    known = set(theirs)
    missing, extra = [value for value in theirs if value not in rows], [value for value in ours if value not in known]
    if len(missing) == len(theirs):
        raise YoyakError(
            f"{table.source}: no {name} in common with {expected.source}, such as {ours[0]} and {theirs[0]}"
        )
    for kind, ids, where in (("prediction", missing, expected), ("reference", extra, table)):
        if ids:
            raise YoyakError(
                f"{where.source}: {len(ids)} ids without a {kind}, such as {min(ids)}; both files need the same {name}"
            )
    return Order([rows[value] for value in theirs], theirs, "ids")


def _compared(order: Order, table: Table, expected: Table) -> Order:
    """Return an order with the ids of the rows whose dialogues differ.

    Raises:
        YoyakError: those of most ids do: such count the rows of each file.
    """
    ours, theirs = _dialogues(table), _dialogues(expected)
    other, known = _other_dialogues(order.ids, [ours[row] for row in order.rows], theirs)
    if order.by == "ids" and 2 * len(other) > known:
        raise YoyakError(
            f"{table.source}: {len(other)} of {known} ids have another dialogue in {expected.source}, such as "
            f"{other[0]}; give the same dialogue the same id in both files"
        )
    return replace(order, other=other)


def _other_dialogues(ids: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> tuple[list[str], int]:
    """Return the ids under which two dialogues differ, and how many have two."""
    known = [(name, one != other) for name, one, other in zip(ids, ours, theirs, strict=True) if one and other]
    return [name for name, differs in known if differs], len(known)


def _dialogues(table: Table) -> list[str]:
    """Return the dialogues with single spaces, empty where a row has none."""
    texts = (record.values.get(DIALOGUE) for record in table.records)
    return [" ".join(plain_text(text).split()) if isinstance(text, str) else "" for text in texts]


def is_same_file(source: str, other: str) -> bool:
    """Return whether two names are of one file."""
    try:
        return source == other or os.path.samefile(os.path.expanduser(source), os.path.expanduser(other))
    except OSError:
        return False


def rows_of_ids(table: Table, wanted: Sequence[str], dialogues: Sequence[str]) -> Order:
    """Return the rows of a table for the dialogues of a data file; the table may hold more.

    The table has ids in one of `ID_COLUMNS`, or dialogues. `wanted` are the dialogues' ids, `row_1` and so on where
    their file has none.

    Raises:
        YoyakError: a dialogue is not in the table, or its id has another one there.
    """
    plain = [" ".join(dialogue.split()) for dialogue in dialogues]
    theirs = _dialogues(table)
    found = max((_places(table.ids_of(name), wanted) for name in table.id_columns()), key=len, default={})
    if not found and all(theirs) and len(set(theirs)) == len(theirs):
        return Order(_all_of(table, _places(theirs, plain), plain, list(wanted)), list(wanted), "dialogues")
    if not table.id_columns():
        raise YoyakError(f"{table.source}: no column '{ID}'; {table.named_columns()}")
    rows = _all_of(table, found, wanted, list(wanted))
    other, known = _other_dialogues(wanted, [theirs[row] for row in rows], plain)
    if 2 * len(other) > known:
        counts = f"{len(other)} of {known} ids have another dialogue there, such as {other[0]}"
        raise YoyakError(f"{table.source}: {counts}; give the same dialogue the same id in both files")
    return Order(rows, list(wanted), "ids", other)


def _places(values: Sequence[str], wanted: Sequence[str]) -> dict[str, int]:
    needed = set(wanted)
    return {value: row for row, value in enumerate(values) if value in needed}


def _all_of(table: Table, places: dict[str, int], keys: Sequence[str], names: Sequence[str]) -> list[int]:
    missing = [name for key, name in zip(keys, names, strict=True) if key not in places]
    if missing:
        raise YoyakError(f"{table.source}: {len(missing)} of {len(keys)} dialogues are not in it, such as {missing[0]}")
    return [places[key] for key in keys]
