import math

import pytest

from src.reports.charts import Series, histogram_chart, line_chart, nice_ticks
from src.tests.reports.page import Page


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 40, [0, 10, 20, 30, 40]),
        (1.55, 2.93, [1.5, 2.0, 2.5, 3.0]),
        (0, 2e-5, [0, 5e-6, 1e-5, 1.5e-5, 2e-5]),
        (0, 0.0003, [0, 0.0001, 0.0002, 0.0003]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (2, 2, [1, 1.5, 2, 2.5, 3]),
        (0, 0, [0, 0.5, 1]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == ticks


def test_counts_have_whole_ticks() -> None:
    assert nice_ticks(0, 2, about=4, smallest_step=1) == [0, 1, 2]


def chart(*series: Series, from_zero: bool = False) -> Page:
    return Page(line_chart("loss", "Loss", series, lambda value: f"{value:.3f}", from_zero))


def test_line_and_marks_lie_where_their_values_are() -> None:
    page = chart(Series("training", [(0, 3.0), (10, 2.0), (40, 1.0)]), Series("evaluation", [(20, 1.5)], marks=True))
    assert [line.attributes["points"] for line in page.all("polyline")] == ["0,0 25,50 100,100"]
    (mark,) = page.all("circle", "mark")
    assert (mark.attributes["cx"], mark.attributes["cy"], mark.text) == (
        "50%", "75%", "step 20, evaluation: 1.500",
    )  # fmt: skip
    assert page.texts("text", "tick") == ["1.0", "1.5", "2.0", "2.5", "3.0", "0", "10", "20", "30", "40"]
    assert page.texts("text", "axis") == ["optimizer step"]


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0.0001, ["0", "5e-5", "1e-4"]),
        (2e-5, ["0", "5e-6", "1e-5", "1.5e-5", "2e-5"]),
        (0.001, ["0", "0.0005", "0.0010"]),
        (4000, ["0", "1,000", "2,000", "3,000", "4,000"]),
    ],
)
def test_ticks_of_an_axis_share_one_notation(highest: float, labels: list[str]) -> None:
    page = chart(Series("learning rate", [(1, highest)]), from_zero=True)
    assert page.texts("text", "y") == labels


def test_chart_says_in_words_what_it_shows() -> None:
    page = chart(Series("training", [(2, 2.9), (40, 1.7)]), Series("evaluation", [(20, 2.1), (40, 1.8)], marks=True))
    svg = page.all("svg")[0].attributes
    assert (svg["role"], svg["aria-labelledby"], svg["aria-describedby"]) == ("img", "loss-title", "loss-desc")
    assert page.all("title")[0].text == "Loss"
    assert page.texts("desc") == [
        "Training: 2.900 at step 2, 1.700 at step 40, between 1.700 and 2.900. "
        "Evaluation: 2.100 at step 20; 1.800 at step 40."
    ]


def test_values_that_are_not_finite_break_the_line_and_are_counted() -> None:
    points = [(0, 3.0), (10, 2.0), (20, math.nan), (30, 1.0), (35, math.inf), (40, 1.0)]
    page = chart(Series("training", points))
    assert [line.attributes["points"] for line in page.all("polyline")] == ["0,0 25,50"]
    assert [(dot.attributes["cx"], dot.attributes["cy"]) for dot in page.all("circle", "dot")] == [
        ("75%", "100%"), ("100%", "100%"),
    ]  # fmt: skip
    assert page.texts("p") == ["2 values of training not finite, not drawn."]


def test_one_point_is_drawn() -> None:
    page = chart(Series("speed", [(10, 150.0)]), from_zero=True)
    (dot,) = page.all("circle", "dot")
    assert (dot.attributes["cx"], dot.attributes["cy"]) == ("100%", "0%")


@pytest.mark.parametrize("points", [[], [(10, math.nan)]])
def test_nothing_to_draw_gives_no_chart(points: list[tuple[float, float]]) -> None:
    assert line_chart("loss", "Loss", [Series("training", points)], str) == ""


def test_long_runs_have_no_hover_points() -> None:
    page = chart(Series("training", [(step, 1.0 + step % 2) for step in range(301)]))
    assert page.all("circle") == []
    assert len((page.all("polyline")[0].attributes["points"] or "").split()) == 301


def test_histogram_bars_are_as_tall_as_their_counts() -> None:
    page = Page(histogram_chart("lengths", "Lengths", [(128, 3), (160, 20), (192, 0), (224, 1)], "tokens", "example"))
    assert [bar.attributes["height"] for bar in page.all("rect")] == ["15.0%", "100.0%", "0.0%", "5.0%"]
    assert page.all("rect")[0].text == "up to 128 tokens: 3 examples"
    assert page.all("rect")[3].text == "up to 224 tokens: 1 example"
    assert page.texts("text", "tick") == ["0", "10", "20", "128", "160", "192", "224"]
    assert page.texts("desc") == [
        "up to 128 tokens: 3; up to 160 tokens: 20; up to 192 tokens: 0; up to 224 tokens: 1."
    ]


def test_empty_histogram_gives_no_chart() -> None:
    assert histogram_chart("lengths", "Lengths", [], "tokens", "example") == ""
    assert histogram_chart("lengths", "Lengths", [(128, 0)], "tokens", "example") == ""


def test_bars_stand_beside_each_other_on_the_ground() -> None:
    page = Page(histogram_chart("lengths", "Lengths", [(128, 5), (160, 20)], "tokens", "example"))
    bars = [bar.attributes for bar in page.all("rect")]
    assert [(bar["x"], bar["width"]) for bar in bars] == [("3.00%", "44.00%"), ("53.00%", "44.00%")]
    assert [(bar["y"], bar["height"]) for bar in bars] == [("75.00%", "25.0%"), ("0.00%", "100.0%")]
    assert page.texts("text", "tick") == ["0", "10", "20", "128", "160"]
    assert page.texts("text", "axis") == ["upper bound, tokens"]


def test_the_grid_has_low_values_below_and_marks_the_ground() -> None:
    page = chart(Series("training", [(0, 3.0), (10, 1.0)]))
    labels = [(text.text, text.attributes["y"]) for text in page.all("text", "y")]
    assert labels == [("1.0", "100%"), ("1.5", "75%"), ("2.0", "50%"), ("2.5", "25%"), ("3.0", "0%")]
    assert [line.attributes["y1"] for line in page.all("line", "grid")] == ["75%", "50%", "25%", "0%"]
    assert page.all("line", "base")[0].attributes["y1"] == "100%"


def test_an_axis_from_zero_holds_negative_values_too() -> None:
    assert chart(Series("loss", [(0, 2.0), (10, 4.0)]), from_zero=True).texts("text", "y")[0] == "0"
    assert chart(Series("loss", [(0, -2.0), (10, 4.0)]), from_zero=True).texts("text", "y")[0] == "\u22122"


def test_series_are_told_apart_by_their_rank() -> None:
    page = chart(Series("one", [(0, 1.0), (1, 2.0)]), Series("two", [(0, 2.0), (1, 1.0)], rank=1))
    assert [line.attributes["class"] for line in page.all("polyline")] == ["line", "line s1"]
    assert [key.attributes["class"] for key in page.all("span", "key")] == ["key", "key s1"]
    assert Series("x", [], rank=0).styled("dot") == "dot s0"
    assert Series("x", [], rank=7).styled("dot") == "dot s1"
    assert page.texts("figcaption") == ["Lossonetwo"]


def test_steps_have_no_tick_beyond_the_last() -> None:
    page = chart(Series("training", [(0, 3.0), (45, 1.0)]))
    ticks = [
        (text.text, text.attributes["x"])
        for text in page.all("text", "tick")
        if "y" not in (text.attributes["class"] or "").split()
    ]
    assert ticks == [("0", "0%"), ("20", "44.44%"), ("40", "88.89%")]


def test_hovers_say_step_and_value_up_to_300_points() -> None:
    few = chart(Series("training", [(step, 1.0 + step % 2) for step in range(300)]))
    assert len(few.all("circle", "hover")) == 300
    assert few.all("circle", "hover")[1].text == "step 1, training: 2.000"
    assert few.all("circle", "hover")[1].attributes["cy"] == "0%"
    dense = chart(Series("training", [(step, 1.0 + step % 2) for step in range(1001)]))
    assert dense.all("polyline")[0].attributes["class"] == "line dense"
