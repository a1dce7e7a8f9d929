"""The plan against the run: what was predicted of memory and time, and what was measured."""

from ..bilingual import Text
from ..runs.schema import RunRecord
from .markup import Html, table
from .wording import decimal

_ROWS = (
    (Text("Peak memory, GB", "최대 메모리, GB"), "peak_bytes", 1e9),
    (Text("A step, s", "한 스텝, 초"), "step_seconds", 1.0),
    (Text("The training, s", "학습 전체, 초"), "seconds", 1.0),
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
    caption = Text("The plan against the run", "예측과 실제")
    columns = [Text("Figure", "항목"), Text("Predicted", "예측"), Text("Measured", "실측"), Text("Off by", "오차")]
    return table(caption, columns, rows, "numbers")
