"""The plan against the run: what was predicted of memory and time, and what was measured."""

from ..runs.schema import RunRecord
from .markup import Html, table
from .wording import decimal

_ROWS = (
    ("Peak memory, GB", "peak_bytes", 1e9),
    ("A step, s", "step_seconds", 1.0),
    ("The training, s", "seconds", 1.0),
)


def plan_section(record: RunRecord) -> Html:
    """Return a table of predictions beside measurements; empty where the run had no plan."""
    rows: list[list[str | None]] = []
    for name, key, unit in _ROWS:
        predicted, measured = getattr(record.plan, f"predicted_{key}"), getattr(record.plan, f"measured_{key}")
        if predicted is None or measured is None:
            continue
        off = f"{100 * (predicted / measured - 1):+.1f}%" if measured else ""
        rows.append([name, decimal(predicted / unit, 2), decimal(measured / unit, 2), off])
    if not rows:
        return Html("")
    return table("The plan against the run", ["Figure", "Predicted", "Measured", "Off by"], rows, "numbers")
