"""Charts as inline SVG that keeps its text size at any width.

Positions are percentages of the drawing, so a chart fills its column without scaling its labels; only the lines are
drawn in a stretched coordinate system, with strokes that do not stretch.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..bilingual import Text, count, joined, korean
from .markup import Html, join, tag
from .wording import decimal, short

MOST_HOVER_POINTS = 300
DENSE_POINTS = 1000
STYLES = 6
"""How many series can be told apart by colour and dashes."""
_STEP = Text("optimizer step", "옵티마이저 스텝")
_AT_STEP = Text("step {}", "스텝 {}")
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One quantity over the steps, in order.

    `marks` draws single points instead of a line; `rank` is the number of its colour and dashes among others of its
    kind, from 0; None leaves marks in the colour of text, beside a line of the same run; `at` says where a
    point stands.
    """

    label: str
    points: Sequence[Point]
    marks: bool = False
    rank: int | None = None
    at: Text = _AT_STEP

    def styled(self, class_: str) -> str:
        """Return the class of one of its shapes."""
        return class_ if self.rank is None else f"{class_} s{self.rank % STYLES}"

    @property
    def finite(self) -> list[Point]:
        """The points that can be drawn."""
        return [point for point in self.points if math.isfinite(point[1])]


@dataclass(frozen=True)
class Axis:
    """A range of values and where its ticks are."""

    low: float
    high: float
    ticks: Sequence[float]

    def percent(self, value: float) -> float:
        """Return where `value` lies between low (0) and high (100)."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


def nice_ticks(low: float, high: float, about: int = 5, smallest_step: float = 0.0) -> list[float]:
    """Return about `about` round numbers that enclose low..high, 1, 2 or 5 times a power of ten apart.

    After Heckbert, "Nice Numbers for Graph Labels", Graphics Gems (1990).
    """
    if high <= low:
        low, high = (low - abs(low) / 2, high + abs(high) / 2) if low else (0.0, 1.0)
    rough = (high - low) / max(about - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * 0.999), smallest_step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12 - math.floor(math.log10(step))) for index in range(first, last + 1)]


def line_chart(
    chart_id: str,
    title: str,
    series: Sequence[Series],
    value: Callable[[float], str],
    from_zero: bool = False,
    height: int = 180,
    over: Text = _STEP,
) -> Html:
    """Return a figure with the series over the optimizer steps; empty where no series has a point to draw.

    `over` names what they are over instead. Values that are not finite break the line and are counted below it.
    `chart_id` stands once on the page, `value`
    writes a number for people, `height` is the drawing's in CSS pixels.
    """
    drawn = [item for item in series if item.finite]
    if not drawn:
        return Html("")
    x, y = _axes(drawn, from_zero)
    shapes = [join(*_dots(item, x, y, value, "mark", 5)) if item.marks else _line(item, x, y, value) for item in drawn]
    description = joined((_describe(item, value) for item in drawn), " ")
    ticks = [_x_tick(x.percent(tick), short(tick)) for tick in x.ticks]
    step = tag("text", over, class_="axis", x="50%", y="100%", dy=36)
    drawing = _drawing(chart_id, title, description, join(_grid(y), *ticks, step, *shapes), height)
    lost = [(item, len(item.points) - len(item.finite)) for item in series]
    notes = [tag("p", _not_finite(item.label, number)) for item, number in lost if number]
    return tag("figure", _caption(title, drawn if len(series) > 1 else []), drawing, *notes, class_="chart")


def _not_finite(label: str, number: int) -> Text:
    return Text(
        f"{count(number, 'value')} of {label} not finite, not drawn.",
        f"{korean(label)}: 유한하지 않은 값 {number:,}개는 그리지 않았습니다.",
    )


def histogram_chart(chart_id: str, title: str, bins: Sequence[tuple[float, int]], unit: str, noun: str) -> Html:
    """Return a figure with a bar for each bin, an upper bound (in `unit`) and a count; empty without bins.

    Bars are equally wide. `chart_id` stands once on the page; `noun` is what is counted, in the singular.
    """
    if not bins or not any(number for _, number in bins):
        return Html("")
    ticks = nice_ticks(0, max(number for _, number in bins), about=4, smallest_step=1)
    y = Axis(ticks[0], ticks[-1], ticks)
    width, every = 100 / len(bins), math.ceil(len(bins) / 6)
    bars, labels = [], []
    for index, (bound, number) in enumerate(bins):
        tall = y.percent(number)
        counted = Text(count(number, noun), f"{korean(noun)} {number:,}개")
        hover = tag("title", joined([_up_to(bound, unit), counted], ": "))
        left, wide = f"{index * width + width * 0.06:.2f}%", f"{width * 0.88:.2f}%"
        bars.append(tag("rect", hover, class_="bar", x=left, y=f"{100 - tall:.2f}%", width=wide, height=f"{tall}%"))
        if (len(bins) - 1 - index) % every == 0:
            labels.append(_x_tick(round((index + 1) * width, 2), short(bound)))
    counts = joined((joined([_up_to(bound, unit), f"{number:,}"], ": ") for bound, number in bins), "; ")
    description = joined([counts, "."], "")
    axis = tag("text", Text(f"upper bound, {unit}", f"상한, {korean(unit)}"), class_="axis", x="50%", y="100%", dy=36)
    drawing = _drawing(chart_id, title, description, join(_grid(y), *bars, *labels, axis), 150)
    return tag("figure", tag("figcaption", tag("strong", title)), drawing, class_="chart")


def _up_to(bound: float, unit: str) -> Text:
    return Text(f"up to {short(bound)} {unit}", f"{short(bound)} {korean(unit)} 이하")


def _axes(series: Sequence[Series], from_zero: bool) -> tuple[Axis, Axis]:
    steps = [step for item in series for step, _ in item.finite]
    values = [value for item in series for _, value in item.finite]
    last = max(max(steps), 1.0)
    x_ticks = [tick for tick in nice_ticks(0, last, smallest_step=1) if tick <= last]
    y_ticks = nice_ticks(min(0.0, *values) if from_zero else min(values), max(values))
    return Axis(0, last, x_ticks), Axis(y_ticks[0], y_ticks[-1], y_ticks)


def _drawing(chart_id: str, title: str, description: Text, shapes: Html, height: int) -> Html:
    title_id, description_id = f"{chart_id}-title", f"{chart_id}-desc"
    parts = [tag("title", title, id=title_id), tag("desc", description, id=description_id), shapes]
    read_as = {"role": "img", "aria_labelledby": title_id, "aria_describedby": description_id}
    return tag("div", tag("svg", *parts, **read_as, width="100%", height=height), class_="plot")


def _grid(y: Axis) -> Html:
    rows = []
    for tick, label in zip(y.ticks, _tick_labels(y.ticks), strict=True):
        at = f"{round(100 - y.percent(tick), 2):g}%"
        rows.append(tag("line", class_="base" if tick == y.low else "grid", x1=0, x2="100%", y1=at, y2=at))
        rows.append(tag("text", label, class_="tick y", x=-8, y=at, dy="0.32em"))
    return join(*rows)


def _tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return the ticks in one notation: all with a power of ten where one needs it, else with as many decimals."""
    plain = [short(tick) for tick in ticks]
    if any("e" in label for label in plain):
        split = [f"{tick:.3e}".partition("e") for tick in ticks]
        labels = [f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}" for mantissa, _, power in split]
    else:
        places = max(len(label.partition(".")[2]) for label in plain)
        labels = [decimal(tick, places) for tick in ticks]
    return ["0" if tick == 0 else label for tick, label in zip(ticks, labels, strict=True)]


def _x_tick(percent: float, label: str) -> Html:
    at = f"{percent:g}%"
    mark = tag("svg", tag("line", class_="base", x1=0, x2=0, y1=0, y2=4), x=at, y="100%", overflow="visible")
    return join(mark, tag("text", label, class_="tick", x=at, y="100%", dy=18))


def _line(series: Series, x: Axis, y: Axis, value: Callable[[float], str]) -> Html:
    runs: list[list[Point]] = [[]]
    for step, number in series.points:
        if math.isfinite(number):
            runs[-1].append((x.percent(step), round(100 - y.percent(number), 2)))
        elif runs[-1]:
            runs.append([])
    lines = [
        tag(
            "polyline",
            class_=series.styled("line dense" if len(series.points) > DENSE_POINTS else "line"),
            points=" ".join(f"{left:g},{top:g}" for left, top in run),
            vector_effect="non-scaling-stroke",
        )
        for run in runs
        if len(run) > 1
    ]
    dots = [_dot(run[0], None, series.styled("dot"), 3) for run in runs if len(run) == 1]
    hovers = _dots(series, x, y, value, "hover", 6) if len(series.finite) <= MOST_HOVER_POINTS else []
    stretched = {"viewBox": "0 0 100 100", "preserveAspectRatio": "none", "overflow": "visible"}
    return join(tag("svg", *lines, width="100%", height="100%", **stretched), *dots, *hovers)


def _dots(series: Series, x: Axis, y: Axis, value: Callable[[float], str], class_: str, radius: int) -> list[Html]:
    """Return a dot for each finite point, which says the point's step and value when it is pointed at."""
    dots = []
    for step, number in series.finite:
        at, said = short(step), value(number)
        en, ko = series.at.format(at), korean(series.at).format(at)
        hover = Text(f"{en}, {series.label}: {said}", f"{ko}, {korean(series.label)}: {said}")
        place = (x.percent(step), round(100 - y.percent(number), 2))
        dots.append(_dot(place, hover, series.styled(class_), radius))
    return dots


def _dot(at: Point, hover: Text | None, class_: str, radius: int) -> Html:
    title = tag("title", hover) if hover else None
    return tag("circle", title, class_=class_, cx=f"{at[0]:g}%", cy=f"{at[1]:g}%", r=radius)


def _describe(series: Series, value: Callable[[float], str]) -> Text:
    points = series.finite
    name = Text(series.label[:1].upper() + series.label[1:], korean(series.label))
    single = series.marks or len(points) == 1
    shown = points[:50] if single else [points[0], points[-1]]
    pairs = [(short(step), value(number)) for step, number in shown]
    listed = [
        Text(f"{number} at {series.at.format(step)}", f"{series.at.ko.format(step)}에서 {number}")
        for step, number in pairs
    ]
    if not single:
        low, high = (value(of(number for _, number in points)) for of in (min, max))
        listed.append(Text(f"between {low} and {high}", f"{low} ~ {high} 사이"))
    return joined([name, ": ", joined(listed, "; " if single else ", "), "."], "")


def _caption(title: str, named_series: Sequence[Series]) -> Html:
    keys = [(item.styled("key mark" if item.marks else "key"), item.label) for item in named_series]
    legend = [tag("span", tag("span", class_=class_, aria_hidden="true"), label) for class_, label in keys]
    named = tag("span", *legend, class_="legend") if legend else None
    return tag("figcaption", tag("strong", title), named)
