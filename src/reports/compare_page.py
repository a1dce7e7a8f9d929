"""The page of `yoyak compare`: several runs beside each other, in one file that asks no host for anything."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..evaluation.result import SCORE_NAMES
from ..runs.read import over_steps
from .charts import STYLES, Series, line_chart
from .comparison import ComparedRun, Example, RunComparison
from .examples import summary_box
from .markup import Html, code, join, language, table, tag
from .page import document
from .sources import SourcedFact, dialogue_box, find_sources
from .summary import MISSING
from .wording import count, decimal, duration, gibibytes, millions, rate, setting, short

T = TypeVar("T")
EXAMPLES_SHOWN = 10


def render_comparison(comparison: RunComparison) -> str:
    """Return the whole page as HTML."""
    runs = comparison.runs
    parts = [
        ("scores", "Scores", _scores(comparison)),
        ("curves", "Training", _curves(runs)),
        ("cost", "Cost", _cost(runs)),
        ("settings", "Settings", _settings(comparison)),
        ("examples", "Examples", _examples(comparison)),
    ]
    header = tag(
        "header",
        tag("p", "yoyak comparison of runs", class_="kind"),
        tag("h1", _named(" · ".join(run.name for run in runs))),
    )
    title = f"{' · '.join(run.name for run in runs)} · yoyak compare"
    return document(title, header, _verdicts(comparison), parts, ["Written by yoyak compare."])


def _named(name: str) -> Html:
    return tag("span", name, translate="no")


def _verdicts(comparison: RunComparison) -> Html:
    """Return the sentences that a reader needs: each run against the first one."""
    first, *others = comparison.runs
    lines = [
        tag("p", tag("strong", _named(run.name)), " against ", _named(first.name), ": ", tag("span", sentence))
        for run in others
        if (sentence := run.sentence())
    ]
    return tag("div", *lines, *(tag("p", note, class_="warning") for note in comparison.notes), class_="verdicts")


def _scores(comparison: RunComparison) -> Html:
    runs = comparison.runs
    rows: list[list[str | None]] = []
    for key, name in SCORE_NAMES.items():
        cells = [
            _figure(decimal(found.value, 2), f"{decimal(found.low, 1)} to {decimal(found.high, 1)}")
            for found in (run.result.scores[key] for run in runs)
        ]
        floors = [run.result.floor[key].value for run in runs if run.result.floor]
        rows.append([name, *cells, _span(floors)])
    counted = f"{comparison.tokenization} tokenization, {'Porter stemmer' if comparison.stemmer else 'no stemmer'}"
    sizes = ", ".join(dict.fromkeys(f"n = {count(run.result.n, 'dialogue')}" for run in runs))
    columns = ["F1 \N{MULTIPLICATION SIGN} 100", *(_named(run.name) for run in runs), "By chance"]
    notes = [f"Scored with {counted}, {sizes}.", "Below each score: its 95% interval over dialogues."]
    return join(
        _scrolling("Scores after training", columns, rows),
        *(tag("p", note, class_="note") for note in notes),
        _differences(runs),
    )


def _differences(runs: Sequence[ComparedRun]) -> Html:
    paired = [(run, run.result.baseline.differences) for run in runs if run.result.baseline]
    if not paired:
        return Html("")
    rows: list[list[str | None]] = []
    for run, differences in paired:
        for key in ("rouge_sum", "chrf"):
            found = differences[key]
            signed = ("+" if found.difference > 0 else "") + decimal(found.difference, 2)
            cell = _figure(signed, f"{decimal(found.low, 1)} to {decimal(found.high, 1)}")
            name = join(_named(run.name), ", ", tag("span", SCORE_NAMES[key]))
            rows.append([name, cell, f"{found.p_value:.2g}", f"{found.wins} / {found.ties} / {found.losses}"])
    columns = ["Run", "Difference", "p", "Wins / ties / losses"]
    return join(
        _scrolling("Difference from the first run, on the same dialogues", columns, rows),
        tag("p", "p: of a paired randomization test, two-sided. Wins count single dialogues.", class_="note"),
    )


def _figure(value: str, interval: str) -> Html:
    return join(value, tag("small", interval))


def _span(values: Sequence[float]) -> str:
    if not values:
        return MISSING
    low, high = decimal(min(values), 1), decimal(max(values), 1)
    return low if low == high else f"{low} to {high}"


def _scrolling(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Html:
    return tag("div", table(caption, columns, rows, "numbers wide"), class_="scroll", tabindex=0, role="region",
               aria_label=caption)  # fmt: skip


def _curves(runs: Sequence[ComparedRun]) -> Html:
    """Return the runs' curves over each other."""
    charts = (
        ("loss", "Training loss", "loss", lambda value: decimal(value, 3), False),
        ("eval-loss", "Evaluation loss", "eval_loss", lambda value: decimal(value, 3), True),
        ("learning-rate", "Learning rate", "learning_rate", lambda value: short(float(f"{value:.3g}")), False),
        ("gradient-norm", "Gradient norm", "grad_norm", lambda value: decimal(value, 2), False),
    )
    wide, *small = [
        line_chart(
            chart_id,
            title,
            [Series(run.name, over_steps(run.run.metrics, key), marks, rank) for rank, run in enumerate(runs)],
            write,
            height=260 if chart_id == "loss" else 180,
        )
        for chart_id, title, key, write, marks in charts
    ]
    return join(wide, tag("div", *small, class_="charts") if any(small) else None)


def _cost(runs: Sequence[ComparedRun]) -> Html:
    trained = [(run.run.record, run.run.record.train) for run in runs]
    rows: list[list[str | None]] = [
        ["Wall time", *(_known(train.wall_seconds, duration) for _, train in trained)],
        ["Peak memory", *(_known(train.peak_memory_bytes, gibibytes) for _, train in trained)],
        ["Tokens/s", *(_known(train.tokens_per_second, rate) for _, train in trained)],
        ["Examples/s", *(_known(train.samples_per_second, rate) for _, train in trained)],
        ["Optimizer steps", *(_known(train.steps, "{:,}".format) for _, train in trained)],
        ["Trained parameters", *(_known(record.trainable_parameters, millions) for record, _ in trained)],
        ["Evaluation loss", *(_known(train.eval_loss, lambda value: decimal(value, 3)) for _, train in trained)],
        ["Device", *(_known(record.device.name or record.device.type, _named) for record, _ in trained)],
    ]
    columns = ["Training", *(_named(run.name) for run in runs)]
    return _scrolling("Cost of the training", columns, [row for row in rows if set(row[1:]) != {MISSING}])


def _known(value: T | None, write: Callable[[T], str]) -> str:
    return MISSING if value is None else write(value)


def _settings(comparison: RunComparison) -> Html:
    if not comparison.settings:
        return tag("p", "The runs have the same settings.")
    rows = [[code(name), *(code(setting(value)) for value in values)] for name, values in comparison.settings]
    columns = ["Setting", *(_named(run.name) for run in comparison.runs)]
    caption = "Settings that differ between the runs"
    shown = table(caption, columns, rows, "words wide")
    return tag("div", shown, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _examples(comparison: RunComparison) -> Html:
    shown = comparison.examples[:EXAMPLES_SHOWN]
    if not shown:
        return Html("")
    total = count(len(comparison.examples), "evaluation dialogue")
    which = f"{len(shown)} of {total}, the largest change of the ROUGE sum first."
    texts = [row.fine_tuned or "" for example in shown for row in example.rows]
    facts = find_sources(texts, [row.dialogue for example in shown for row in example.rows])
    each = len(comparison.runs)
    articles = [
        _example(place + 1, example, comparison.runs, facts[place * each : (place + 1) * each])
        for place, example in enumerate(shown)
    ]
    return join(tag("p", which, class_="note"), *articles)


def _example(
    number: int, example: Example, runs: Sequence[ComparedRun], facts: Sequence[Sequence[SourcedFact]]
) -> Html:
    row = example.rows[0]
    texts = [its.fine_tuned or "" for its in example.rows]
    together = list({fact.text: fact for its in facts for fact in its}.values())
    box = dialogue_box(row.dialogue, together, f"Dialogue of example {number}", language(row.dialogue))
    summaries = [summary_box("Reference", row.summary or "", [], "h4", None)]
    for place, (run, text) in enumerate(zip(runs, texts, strict=True)):
        title = join(_named(run.name), " · ", tag("span", f"ROUGE sum {decimal(example.rouge_sums[place], 1)}"))
        summaries.append(summary_box(title, text, facts[place], "h4", f"run s{place % STYLES}"))
    signed = ("+" if example.change > 0 else "") + decimal(example.change, 1)
    topic = tag("span", row.topic, class_="topic", lang=language(row.topic), translate="no") if row.topic else None
    name = join(f"Example {number}", tag("span", f": {row.fname}", translate="no") if row.fname else None)
    heading = tag("h3", name, topic, tag("span", f"change {signed}", class_="topic"), class_="example")
    return tag("article", heading, tag("div", box, tag("div", *summaries, class_="summaries"), class_="pair"))
