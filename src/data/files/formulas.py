"""Cells that a spreadsheet would compute: written as text, behind a `'`, and read back."""

import re

_FORMULA = re.compile(r"[\t\r\n ]*[=@\t\r]|[\t\r\n ]*[+-](?!\d+(\.\d*)?$)")
"""The start of a cell that a spreadsheet computes; a number with its sign is a number."""


def formula_as_text(cell: str) -> str:
    """Return a cell that no spreadsheet computes."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def formula_back(cell: str) -> str:
    """Return a cell as it was before `formula_as_text`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell
