"""The page of several runs: whose figures stand where."""

from pathlib import Path

from src.reports import compare_page
from src.reports.compare_page import EXAMPLES_SHOWN, render_comparison, span_of
from src.reports.comparison import compare_runs
from src.reports.wording import decimal
from src.tests.reports.conftest import ROWS, changed
from src.tests.reports.page import Page

MINUS = "\N{MINUS SIGN}"
CSS = Path(compare_page.__file__).with_name("report.css")


def page_of(*folders) -> Page:
    return Page(render_comparison(compare_runs(list(folders))))


def test_figures_stand_under_their_runs(make_run) -> None:
    folders = [make_run("one"), make_run("two", changed("x", "x", "x"), 0.2)]
    page = page_of(*folders)
    rows = page.texts("tr")
    assert rows[0] == "F1 × 100onetwoBy chanceLead-3"
    assert rows[1].startswith("ROUGE-166.67")  # two of three summaries of the first run are right, none of the other
    assert rows[4].startswith("ROUGE sum200.00")
    assert rows[5].startswith("ROUGE mean66.67")
    difference = next(row for row in rows if row.startswith("two, ROUGE sum"))
    assert difference.startswith(f"two, ROUGE sum{MINUS}200.00")
    assert difference.endswith("0 / 1 / 2")
    found = compare_runs(folders).runs[1].result.baseline.differences["rouge_sum"]
    assert found.low < found.high
    assert f"{decimal(found.low, 1)} to {decimal(found.high, 1)}" in difference
    assert "Wall time4 min 10 s4 min 10 s" in rows
    assert "Peak memory3.82 GiB3.82 GiB" in rows
    assert "Trained parameters4.88 M4.88 M" in rows
    assert "Evaluation loss1.8001.800" in rows
    assert "Optimizer steps4040" in rows
    assert "Scored with word tokenization, Porter stemmer, n = 3 dialogues." in page.texts("p", "note")
    verdict = page.texts("div", "verdicts")[0]
    assert verdict.startswith("two against one: ROUGE sum: no difference that these 3 dialogues can show")


def test_chance_is_a_span_over_the_runs() -> None:
    assert span_of([]) == "\N{EN DASH}"
    assert span_of([3.14]) == span_of([3.14, 3.12]) == "3.1"
    assert span_of([5.0, 3.0, 4.0]) == "3.0 to 5.0"


def test_examples_have_the_largest_change_first_and_each_runs_summary(make_run) -> None:
    page = page_of(make_run("one", changed("x", "it is at 9", "x")), make_run("two", changed("x", "a b c d", "x")))
    first = page.texts("article")[0]
    assert first == (
        "Example 1: d1teachange +300.0Ann: Tea at 3?Referencea b c done · ROUGE sum 0.0it is at 9"
        "two · ROUGE sum 300.0a b c d"
    )
    assert page.texts("mark") == ["9"]
    assert page.texts("mark", "unheld") == ["9"]
    assert [box.attributes["class"] for box in page.all("section", "run")[:2]] == ["run s0", "run s1"]
    assert "3 of 3 evaluation dialogues, the largest change of the ROUGE sum first." in page.texts("p", "note")


def test_facts_are_marked_in_the_summary_that_says_them(make_run) -> None:
    one, two = changed("at 2", "at 9", "at 4"), changed("at 5", "at 3", "a b c d")  # tea is at 2, 3 and 4
    page = page_of(make_run("one", one), make_run("two", two))
    assert [heading[:13] for heading in page.texts("h3")] == ["Example 1: d2", "Example 2: d0", "Example 3: d1"]
    assert page.texts("mark") == ["4", "2", "5", "9", "3"]
    assert page.texts("mark", "unheld") == ["5", "9"]


def test_no_more_examples_than_a_reader_takes(make_run) -> None:
    rows = [{**ROWS[0], "fname": f"d{place}", "dialogue": f"Ann: {place}"} for place in range(EXAMPLES_SHOWN + 2)]
    page = page_of(make_run("one", rows), make_run("two", rows))
    assert len(page.texts("article")) == 10
    assert any(note.startswith("10 of 12 evaluation dialogues") for note in page.texts("p", "note"))
    assert "The settings that have a part in weights or summaries are the same." in page.texts("p")


def test_curves_lie_over_each_other(make_run) -> None:
    page = page_of(make_run("one"), make_run("two"))
    assert page.texts("desc") == [
        "One: 2.000 at step 2, 1.000 at step 4, between 1.000 and 2.000. "
        "Two: 2.000 at step 2, 1.000 at step 4, between 1.000 and 2.000."
    ]
    assert [line.attributes["class"] for line in page.all("polyline")] == ["line s0", "line s1"]


def test_each_runs_marks_have_the_colour_of_its_curve(make_run) -> None:
    one, two = make_run("one"), make_run("two")
    for folder in (one, two):
        (folder / "metrics.jsonl").write_text('{"step": 2, "eval_loss": 2.0}\n{"step": 4, "eval_loss": 1.0}\n')
    page = page_of(one, two)
    assert {dot.attributes["class"] for dot in page.all("circle", "mark")} == {"mark s0", "mark s1"}
    rules = CSS.read_text(encoding="utf-8").split(".plot .mark:is(")[1]
    assert rules.startswith(".s0, ")
    assert "stroke: var(--accent)" in rules.partition("}")[0]


def test_rewards_of_refined_runs_lie_over_each_other(make_run) -> None:
    one, two = make_run("one"), make_run("two")
    (two / "metrics.jsonl").write_text('{"step": 0, "eval_reward": 90.0}\n{"step": 4, "eval_reward": 97.5}\n')
    page = page_of(one, two)
    assert page.texts("strong").count("Reward of the evaluation") == 1
    assert page.texts("desc")[1] == "Two: 90.0 at step 0; 97.5 at step 4."
