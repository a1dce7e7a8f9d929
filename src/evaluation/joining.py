"""Which row of one file belongs to which of another: by ids, by their dialogues, or row by row where that is asked."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..bilingual import count
from ..errors import YoyakError
from .summary_table import DIALOGUE, ID, ID_COLUMNS, Table


@dataclass(frozen=True)
class Order:
    """The row of a table for each row of the references, the references' ids, and what joined them.

    `by` is `ids`, `file` (both are one file), `dialogues` or `rows`.
    """

    rows: list[int]
    ids: list[str]
    by: str


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
        order = _by_ids(table, expected, *names)
        _refuse_other_dialogues(table, expected, order)
        return order
    if is_same_file(table.source, expected.source):
        return Order(list(range(len(numbered))), numbered, "file")
    if by_row:
        if len(table.records) != len(expected.records):
            counts = f"{count(len(table.records), 'row')}, but {expected.source} has {len(expected.records)}"
            raise YoyakError(f"{table.source}: {counts}; without a column '{ID}' rows are joined by their order")
        return Order(list(range(len(numbered))), numbered, "rows")
    theirs, ours = _dialogues(expected), _dialogues(table)
    if theirs is not None and ours is not None:
        if ours == theirs:
            return Order(list(range(len(numbered))), numbered, "dialogues")
        places = {dialogue: row for row, dialogue in enumerate(ours)}
        if len(places) == len(ours) and Counter(ours) == Counter(theirs):
            return Order([places[dialogue] for dialogue in theirs], numbered, "dialogues")
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


def _refuse_other_dialogues(table: Table, expected: Table, order: Order) -> None:
    """Raise YoyakError where most of the joined rows have other dialogues: ids that count the rows of each file."""
    ours, theirs = _dialogues(table), _dialogues(expected)
    if ours is None or theirs is None:
        return
    other = [name for name, row, dialogue in zip(order.ids, order.rows, theirs, strict=True) if ours[row] != dialogue]
    if 2 * len(other) > len(theirs):
        raise YoyakError(
            f"{table.source}: {len(other)} of {len(theirs)} ids have another dialogue in {expected.source}, such as "
            f"{other[0]}; give the same dialogue the same id in both files"
        )


def _dialogues(table: Table) -> list[str] | None:
    """Return the dialogues with single spaces, None where a row has none."""
    if not all(isinstance(record.values.get(DIALOGUE), str) for record in table.records):
        return None
    dialogues = [" ".join(text.split()) for text in table.texts(DIALOGUE)]
    return dialogues if all(dialogues) else None


def is_same_file(source: str, other: str) -> bool:
    """Return whether two names are of one file."""
    try:
        return source == other or os.path.samefile(os.path.expanduser(source), os.path.expanduser(other))
    except OSError:
        return False


def rows_of_ids(table: Table, wanted: Sequence[str], dialogues: Sequence[str]) -> list[int]:
    """Return the row of a table for each dialogue of a data file; the table may hold more.

    The table has ids in one of `ID_COLUMNS`, or dialogues. `wanted` are the dialogues' ids, `row_1` and so on where
    their file has none.

    Raises:
        YoyakError: a dialogue is not in the table, or its id has another one there.
    """
    plain = [" ".join(dialogue.split()) for dialogue in dialogues]
    theirs = _dialogues(table)
    found = max((_places(table.ids_of(name), wanted) for name in table.id_columns()), key=len, default={})
    if not found and theirs is not None and len(set(theirs)) == len(theirs):
        return _all_of(table, _places(theirs, plain), plain, list(wanted))
    if not table.id_columns():
        raise YoyakError(f"{table.source}: no column '{ID}'; {table.named_columns()}")
    rows = _all_of(table, found, wanted, list(wanted))
    other = [name for name, row, text in zip(wanted, rows, plain, strict=True) if theirs and theirs[row] != text]
    if 2 * len(other) > len(rows):
        counts = f"{len(other)} of {len(rows)} ids have another dialogue there, such as {other[0]}"
        raise YoyakError(f"{table.source}: {counts}; give the same dialogue the same id in both files")
    return rows


def _places(values: Sequence[str], wanted: Sequence[str]) -> dict[str, int]:
    needed = set(wanted)
    return {value: row for row, value in enumerate(values) if value in needed}


def _all_of(table: Table, places: dict[str, int], keys: Sequence[str], names: Sequence[str]) -> list[int]:
    missing = [name for key, name in zip(keys, names, strict=True) if key not in places]
    if missing:
        raise YoyakError(f"{table.source}: {len(missing)} of {len(keys)} dialogues are not in it, such as {missing[0]}")
    return [places[key] for key in keys]
