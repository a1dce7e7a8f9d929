"""Figures as people read them: one way to write each kind of number, date and setting."""

import json
import math
from datetime import datetime, timedelta
from typing import Any

from ..bilingual import Text

STATUSES = {
    "completed": Text("completed", "완료"),
    "running": Text("running", "실행 중"),
    "interrupted": Text("interrupted", "중단됨"),
    "failed": Text("failed", "실패"),
}
MINUS = "\N{MINUS SIGN}"


def decimal(value: float, places: int) -> str:
    """Return `value` with grouped thousands and a real minus sign; `NaN`, `∞` where it is not finite."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return f"{value:,.{places}f}".replace("-", MINUS)


def change(before: float, after: float, places: int) -> str:
    """Return `after - before` with its sign, `±0.00` where the written digits are all 0."""
    difference = round(after - before, places)
    if difference == 0:
        return f"±{0:.{places}f}"
    return ("+" if difference > 0 else "") + decimal(difference, places)


def rate(value: float) -> str:
    """Return a speed with about four significant digits."""
    return decimal(value, 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2)


def short(value: float) -> str:
    """Return a number in its shortest usual form: `0.0005`, `2e-5`, `1,200`."""
    if not math.isfinite(value):
        return decimal(value, 0)
    if abs(value) >= 1000 and value == int(value):
        return f"{int(value):,}"
    mantissa, _, exponent = f"{value:g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def gibibytes(size_bytes: int) -> str:
    """Return bytes in GiB (2**30), in MiB below a tenth of that, and in KiB below a tenth of one."""
    if size_bytes < 2**20 / 10:
        return f"{size_bytes / 2**10:.1f} KiB"
    if size_bytes < 2**30 / 10:
        return f"{size_bytes / 2**20:.1f} MiB"
    return f"{size_bytes / 2**30:.2f} GiB"


def millions(count: int) -> Text:
    """Return a number of parameters as `4.88 M`, in billions from 1e9, in full below 1e5; in 만 and 억 in Korean."""
    korean = f"{count / 1e8:.2f}억" if count >= 1e8 else f"{count / 1e4:,.0f}만" if count >= 1e5 else f"{count:,}"
    if count >= 1e9:
        return Text(f"{count / 1e9:.2f} B", korean)
    return Text(f"{count / 1e6:.2f} M" if count >= 1e5 else f"{count:,}", korean)


def duration(seconds: float) -> Text:
    """Return seconds as `12.3 s`, `4 min 10 s` or `6 h 5 min`."""
    if seconds < 59.95:
        return Text(f"{seconds:.1f} s", f"{seconds:.1f}초")
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return Text(f"{minutes} min {rest} s", f"{minutes}분 {rest}초")
    hours, minutes = divmod(round(seconds / 60), 60)
    return Text(f"{hours:,} h {minutes} min", f"{hours:,}시간 {minutes}분")


def between(low: str, high: str) -> Text:
    """Return a range of figures: `18.9 to 30.4`."""
    return Text(f"{low} to {high}", f"{low} ~ {high}")


def interval(low: float, high: float) -> Text:
    """Return an interval with one decimal."""
    return between(decimal(low, 1), decimal(high, 1))


def moment(text: str) -> str:
    """Return an ISO 8601 time as `2026-11-24 12:00 UTC` or `2026-11-24 21:00+09:00`; other text as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = (
        " UTC" if when.utcoffset() == timedelta(0) else when.isoformat()[len(when.replace(tzinfo=None).isoformat()) :]
    )
    return f"{when:%Y-%m-%d %H:%M}{zone}"


def setting(value: Any) -> str:
    """Return a setting as a YAML file would hold it: `true`, `null`, `[q_proj, v_proj]`, `''`."""
    if isinstance(value, str):
        return value or "''"
    if isinstance(value, float):
        return short(value)
    if isinstance(value, list):
        return "[" + ", ".join(setting(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
