"""Rows as lines of a file: JSON Lines, CSV and TSV, written so that what was written is read back, row by row."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.files.formulas import formula_as_text, formula_back
from ..errors import YoyakError

RowValues = dict[str, Any]
MARK = "\ufeff"
"""A byte order mark, with which files begin that are meant for a spreadsheet."""
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")


class JsonLines:
    """A JSON object a line; each row keeps its own columns."""

    def header(self) -> str:
        """Return what stands above the rows: nothing."""
        return ""

    def line(self, row: RowValues) -> str:
        """Return a row as a JSON object and a newline; dates and the like become text."""
        return json.dumps(row, ensure_ascii=False, default=str) + "\n"

    def stored(self, row: RowValues) -> RowValues:
        """Return a row as it is read back: after a turn through JSON."""
        read: RowValues = json.loads(self.line(row))
        return read

    def parse(self, text: str, name: str) -> list[RowValues]:
        """Return the objects of all lines that end with a newline, so not of a last one that broke off.

        Raises:
            YoyakError: the file `name` holds something else.
        """
        rows = []
        for number, line in enumerate(text.split("\n")[:-1], start=1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise YoyakError(f"{name}:{number}: broken JSON ({error}); pass --overwrite to begin anew") from None
            if not isinstance(row, dict):
                raise YoyakError(f"{name}:{number}: not a JSON object; pass --overwrite to begin anew")
            rows.append(row)
        return rows


class Delimited:
    """CSV or TSV with a header; every row has all columns."""

    def __init__(self, columns: Sequence[str], delimiter: str = ",", formulas_as_text: bool = False) -> None:
        """Keep the columns in their order.

        `formulas_as_text`: for a spreadsheet, which would run `=HYPERLINK(...)`, and which takes UTF-8 without a byte
        order mark for the system's own encoding: Hangul would be other letters.
        """
        self.columns, self.delimiter, self.formulas_as_text = list(columns), delimiter, formulas_as_text

    def header(self) -> str:
        """Return the line with the columns' names."""
        return (MARK if self.formulas_as_text else "") + self._joined(self.columns)

    def line(self, row: RowValues) -> str:
        """Return a row's cells and a newline: null is empty, lists and objects are JSON."""
        return self._joined([_cell(row.get(column)) for column in self.columns])

    def stored(self, row: RowValues) -> RowValues:
        """Return a row's cells as they are read back, all of them text."""
        return {column: self._read(self._written(_cell(row.get(column)))) for column in self.columns}

    def parse(self, text: str, name: str) -> list[RowValues]:
        """Return the rows below the header, each ended by a newline; raises as `JsonLines.parse`."""
        csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
        lines: list[list[str]] = []
        try:
            lines.extend(
                csv.reader(io.StringIO(text.removeprefix(MARK), newline=""), delimiter=self.delimiter, strict=True)
            )
        except csv.Error:  # a last field whose quote was never closed
            pass
        else:
            lines = lines if text.endswith("\n") else lines[:-1]
        if lines and lines[0] != [self._written(column) for column in self.columns]:
            raise YoyakError(f"{name}: its columns are {', '.join(lines[0])}, not {', '.join(self.columns)}")
        return [dict(zip(self.columns, map(self._read, cells), strict=False)) for cells in lines[1:]]

    def _written(self, cell: str) -> str:
        return formula_as_text(cell) if self.formulas_as_text else cell

    def _read(self, cell: str) -> str:
        return formula_back(cell) if self.formulas_as_text else cell

    def _joined(self, cells: Sequence[str]) -> str:
        # csv quotes only the newlines that it writes itself, so it writes both kinds.
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.delimiter, lineterminator="\r\n").writerow(map(self._written, cells))
        return buffer.getvalue().removesuffix("\r\n") + "\n"


RowFormat = JsonLines | Delimited


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)
    return text.encode("utf-8", errors="backslashreplace").decode()  # lone surrogates, from JSON, are no UTF-8


def row_format(suffix: str, columns: Sequence[str], formulas_as_text: bool = False) -> RowFormat:
    """Return the format of a suffix in `TABLE_SUFFIXES`; the rest is of CSV and TSV, see `Delimited`."""
    if suffix == ".jsonl":
        return JsonLines()
    return Delimited(columns, "\t" if suffix == ".tsv" else ",", formulas_as_text)


def refuse_other_formats(path: Path) -> None:
    """Raise YoyakError where rows can't be written to `path`: a folder, or another suffix."""
    if path.is_dir():
        raise YoyakError(f"--out {path}: a folder; name a file in it, such as {path / 'summaries.csv'}")
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise YoyakError(f"--out {path}: rows are written to {', '.join(TABLE_SUFFIXES)} files; use one of these")
