"""Parallel coordinates: an axis a setting and one for the score, a line a finished trial."""

import math
from typing import Any

from ..bilingual import Text, count
from ..evaluation.result import SCORE_NAMES
from .markup import Html, code, join, tag
from .wording import decimal, setting, short

_HEIGHT = 260


def parallel_lines(record: dict[str, Any]) -> Html:
    """Return the figure; empty where fewer than two trials have finished at a place of the space."""
    trials = [t for t in record["trials"] if t["state"] == "finished" and t["settings"]]
    if len(trials) < 2:
        return Html("")
    names = list(trials[0]["settings"])
    columns = [_column([trial["settings"][name] for trial in trials]) for name in names]
    columns.append(_column([trial["score"] for trial in trials]))
    gap = 100 / (len(columns) - 1)
    axes = [tag("line", class_="grid", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1=0, y2="100%") for x in _places(columns, gap)]
    best = max(trials, key=lambda trial: trial["score"])
    lines = []
    for index, trial in enumerate(trials):
        points = " ".join(f"{place * gap:.2f},{100 - columns[place][0][index]:.2f}" for place in range(len(columns)))
        class_ = "line" if trial is best else "line s1"
        number, found = trial["number"], decimal(trial["score"], 2)
        hover = tag("title", Text(f"trial {number}: {found}", f"시도 {number}: {found}"))
        lines.append(tag("polyline", hover, class_=class_, points=points, vector_effect="non-scaling-stroke"))
    stretched = {"viewBox": "0 0 100 100", "preserveAspectRatio": "none", "overflow": "visible"}
    title = Text("Settings and score of each finished trial", "끝까지 학습한 시도의 설정과 점수")
    score = SCORE_NAMES[record["objective"]]
    described = Text(
        f"An axis for each of {count(len(names), 'setting')} and one for the score, as listed below.",
        f"설정 {len(names)}개와 점수의 축이 아래 차례대로 있습니다.",
    )
    drawing = tag(
        "svg",
        tag("title", title, id="parallel-title"),
        tag("desc", described, id="parallel-desc"),
        *axes,
        tag("svg", *lines, width="100%", height="100%", **stretched),
        role="img",
        aria_labelledby="parallel-title",
        aria_describedby="parallel-desc",
        width="100%",
        height=_HEIGHT,
    )
    legend = [tag("li", code(name), " ", columns[place][1]) for place, name in enumerate(names)]
    legend.append(tag("li", score, " ", columns[-1][1]))
    caption = tag("figcaption", tag("strong", title))
    note = Text("The axes from left to right, from bottom to top:", "왼쪽부터 차례로, 아래에서 위로 갈수록:")
    below = join(tag("p", note, class_="note"), tag("ol", *legend))
    return tag("figure", caption, tag("div", drawing, class_="plot"), below, class_="chart")


def _places(columns: list[Any], gap: float) -> list[float]:
    return [place * gap for place in range(len(columns))]


def _column(values: list[Any]) -> tuple[list[float], Html]:
    """Return where each value lies between 0 and 100, and what lies at both ends; numbers far apart by logarithm."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        order = sorted({setting(value) for value in values})
        step = 100 / max(len(order) - 1, 1)
        ends = f"{order[0]} – {order[-1]}" if len(order) > 1 else order[0]
        return [order.index(setting(value)) * step for value in values], tag("small", code(ends))
    low, high = min(numbers), max(numbers)
    ends = f"{_written(low)} – {_written(high)}"
    if high <= low:
        return [50.0] * len(values), tag("small", code(_written(low)))
    if low > 0 and high / low >= 20:
        low, high, numbers = math.log(low), math.log(high), [math.log(value) for value in numbers]
    return [100 * (value - low) / (high - low) for value in numbers], tag("small", code(ends))


def _written(value: float) -> str:
    return short(value) if abs(value) < 1 else decimal(value, 2).rstrip("0").rstrip(".")
