"""Summaries that are kept to be scored: the columns of their files, and what is read back of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..inference.generator import Generated
    from ..inference.row_formats import RowValues

COLUMNS = ("summary", "ended", "looped")


@dataclass(frozen=True)
class KeptSummaries:
    """What a model wrote, whether each ended by itself, and whether in a loop: None where rows don't tell."""

    texts: list[str]
    ended: list[bool]
    looped: list[bool] | None


def values_of(result: "Generated") -> "RowValues":
    """Return the columns of a summary."""
    return {"summary": result.written, "ended": result.ended, "looped": result.looped}


def read_back(rows: "Sequence[RowValues]") -> KeptSummaries:
    """Return the summaries of rows, which files other than JSON Lines hold as text; older versions kept no loops."""
    texts, ended = [row["summary"] for row in rows], [_truth(row["ended"]) for row in rows]
    known = all("looped" in row for row in rows)
    return KeptSummaries(texts, ended, [_truth(row["looped"]) for row in rows] if known else None)


def _truth(value: object) -> bool:
    return str(value).strip().lower() == "true"  # spreadsheets save the text True as TRUE
