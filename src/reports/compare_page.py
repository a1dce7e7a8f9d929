"""The page of `yoyak compare`: several runs beside each other, in one file that asks no host for anything."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..bilingual import Text, count, joined
from ..evaluation.result import SCORE_NAMES
from ..evaluation.tokenizations import analyser_of
from ..runs.read import over_steps
from .charts import STYLES, Series, line_chart
from .comparison import ComparedDialogue, ComparedRun, RunComparison
from .examples import REFERENCE, article, rouge_sum_of, summary_box
from .markup import Html, code, join, named, notes, scrolling_table, tag
from .page import Part, document
from .score_table import BY_CHANCE, INTERVAL_NOTE, LEAD, LEAD_NOTE, MISSING, counting, dialogues, scored_with
from .sections import GRADIENT_NORM, LEARNING_RATE, SETTING
from .sources import SourcedFact, find_sources
from .summary import DEVICE, EVALUATION_LOSS, PEAK_MEMORY, TRAINED_PARAMETERS, TRAINING_LOSS, WALL_TIME
from .wording import between, change, decimal, duration, gibibytes, interval, millions, rate, setting, short

T = TypeVar("T")
EXAMPLES_SHOWN = 10
_NUMBERS = "numbers wide"
EVALUATION_REWARD = Text("Reward of the evaluation", "평가의 보상")
AGAINST, SO = Text(" against ", ", "), Text(": ", " 대비: ")


def render_comparison(comparison: RunComparison) -> str:
    """Return the whole page as HTML."""
    runs = comparison.runs
    lead, parts = compared_parts(comparison)
    header = tag(
        "header",
        tag("p", Text("yoyak comparison of runs", "yoyak 실행 비교"), class_="kind"),
        tag("h1", named(" · ".join(run.name for run in runs))),
    )
    title = f"{' · '.join(run.name for run in runs)} · yoyak compare"
    footer = [Text("Written by yoyak compare.", "yoyak compare가 작성했습니다.")]
    return document(title, header, lead, parts, footer)


def compared_parts(comparison: RunComparison) -> tuple[Html, list[Part]]:
    """Return what stands above the sections, and the sections."""
    runs = comparison.runs
    return _verdicts(comparison), [
        ("scores", Text("Scores", "점수"), _scores(comparison)),
        ("curves", Text("Training", "학습"), _curves(runs)),
        ("cost", Text("Cost", "비용"), _cost(runs)),
        ("settings", Text("Settings", "설정"), _settings(comparison)),
        ("examples", Text("Examples", "예시"), _examples(comparison)),
    ]


def _verdicts(comparison: RunComparison) -> Html:
    """Return the sentences that a reader needs: each run against the first one."""
    first, *others = comparison.runs
    lines = [
        tag("p", tag("strong", named(run.name)), AGAINST, named(first.name), SO, tag("span", sentence))
        for run in others
        if (sentence := run.sentence())
    ]
    return tag("div", *lines, *(tag("p", note, class_="warning") for note in comparison.notes), class_="verdicts")


def _scores(comparison: RunComparison) -> Html:
    runs = comparison.runs
    rows: list[list[str | None]] = []
    for key, name in SCORE_NAMES.items():
        cells = [
            _figure(decimal(found.value, 2), interval(found.low, found.high))
            for found in (run.result.scores[key] for run in runs)
        ]
        floors = [run.result.floor[key].value for run in runs if run.result.floor]
        leads = [run.result.lead[key] for run in runs if run.result.lead]
        rows.append([name, *cells, span_of(floors), span_of(leads)])
    sizes = dict.fromkeys(dialogues(run.result.n) for run in runs)
    columns = ["F1 \N{MULTIPLICATION SIGN} 100", *(named(run.name) for run in runs), BY_CHANCE, LEAD]
    counted = counting(comparison.tokenization, comparison.stemmer, analyser_of(comparison.tokenization))
    return join(
        scrolling_table(Text("Scores after training", "학습 후의 점수"), columns, rows, _NUMBERS),
        notes(scored_with(joined([*counted, *sizes])), INTERVAL_NOTE, LEAD_NOTE),
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
            cell = _figure(change(0, found.difference, 2), interval(found.low, found.high))
            name = join(named(run.name), ", ", tag("span", SCORE_NAMES[key]))
            rows.append([name, cell, f"{found.p_value:.2g}", f"{found.wins} / {found.ties} / {found.losses}"])
    columns = [Text("Run", "실행"), Text("Difference", "차이"), "p", Text("Wins / ties / losses", "승 / 무 / 패")]
    caption = Text("Difference from the first run, on the same dialogues", "같은 대화에서 첫 실행과의 차이")
    note = Text(
        "p: of a paired randomization test, two-sided. Wins count single dialogues.",
        "p는 짝지은 무작위화 검정(양측)의 값이고, 승패는 대화 하나하나를 센 것입니다.",
    )
    return join(scrolling_table(caption, columns, rows, _NUMBERS), notes(note))


def _figure(value: str, interval: str) -> Html:
    return join(value, tag("small", interval))


def span_of(values: Sequence[float]) -> str:
    """Return the smallest and the largest value as `1.0 to 2.0`, or one where they are equal."""
    if not values:
        return MISSING
    low, high = decimal(min(values), 1), decimal(max(values), 1)
    return low if low == high else between(low, high)


def _curves(runs: Sequence[ComparedRun]) -> Html:
    """Return the runs' curves over each other."""
    charts = (
        ("loss", TRAINING_LOSS, "loss", lambda value: decimal(value, 3), False),
        ("eval-loss", EVALUATION_LOSS, "eval_loss", lambda value: decimal(value, 3), True),
        ("reward", EVALUATION_REWARD, "eval_reward", lambda value: decimal(value, 1), True),
        ("learning-rate", LEARNING_RATE, "learning_rate", lambda value: short(float(f"{value:.3g}")), False),
        ("gradient-norm", GRADIENT_NORM, "grad_norm", lambda value: decimal(value, 2), False),
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
        [WALL_TIME, *(_known(train.wall_seconds, duration) for _, train in trained)],
        [PEAK_MEMORY, *(_known(train.peak_memory_bytes, gibibytes) for _, train in trained)],
        [Text("Tokens/s", "초당 토큰 수"), *(_known(train.tokens_per_second, rate) for _, train in trained)],
        [Text("Examples/s", "초당 예시 수"), *(_known(train.samples_per_second, rate) for _, train in trained)],
        [Text("Optimizer steps", "옵티마이저 스텝 수"), *(_known(train.steps, "{:,}".format) for _, train in trained)],
        [TRAINED_PARAMETERS, *(_known(record.trainable_parameters, millions) for record, _ in trained)],
        [EVALUATION_LOSS, *(_known(train.eval_loss, lambda value: decimal(value, 3)) for _, train in trained)],
        [DEVICE, *(_known(record.device.name or record.device.type, named) for record, _ in trained)],
    ]
    columns = [Text("Training", "학습"), *(named(run.name) for run in runs)]
    known = [row for row in rows if set(row[1:]) != {MISSING}]
    return scrolling_table(Text("Cost of the training", "학습의 비용"), columns, known, _NUMBERS)


def _known(value: T | None, write: Callable[[T], str]) -> str:
    return MISSING if value is None else write(value)


def _settings(comparison: RunComparison) -> Html:
    if not comparison.settings:
        return tag(
            "p",
            Text(
                "The settings that have a part in weights or summaries are the same.",
                "가중치나 요약에 영향을 주는 설정이 모두 같습니다.",
            ),
        )
    rows = [[code(name), *(code(setting(value)) for value in values)] for name, values in comparison.settings]
    columns = [SETTING, *(named(run.name) for run in comparison.runs)]
    caption = Text("Settings that differ between the runs", "실행마다 다른 설정")
    return scrolling_table(caption, columns, rows, "words wide")


def _examples(comparison: RunComparison) -> Html:
    shown = comparison.examples[:EXAMPLES_SHOWN]
    if not shown:
        return Html("")
    number = len(comparison.examples)
    which = Text(
        f"{len(shown)} of {count(number, 'evaluation dialogue')}, the largest change of the ROUGE sum first.",
        f"평가 대화 {number:,}개 중 {len(shown)}개, ROUGE 합이 크게 달라진 순서입니다.",
    )
    texts = [row.fine_tuned or "" for example in shown for row in example.rows]
    facts = find_sources(texts, [row.dialogue for example in shown for row in example.rows])
    each = len(comparison.runs)
    articles = [
        _example(place + 1, example, comparison.runs, facts[place * each : (place + 1) * each])
        for place, example in enumerate(shown)
    ]
    return join(notes(which), *articles)


def _example(
    number: int, example: ComparedDialogue, runs: Sequence[ComparedRun], facts: Sequence[Sequence[SourcedFact]]
) -> Html:
    row = example.rows[0]
    texts = [its.fine_tuned or "" for its in example.rows]
    together = list({fact.text: fact for its in facts for fact in its}.values())
    summaries = [summary_box(REFERENCE, row.summary or "", [], "h4", None)]
    for place, (run, text) in enumerate(zip(runs, texts, strict=True)):
        title = join(named(run.name), " · ", tag("span", rouge_sum_of(example.rouge_sums[place])))
        summaries.append(summary_box(title, text, facts[place], "h4", f"run s{place % STYLES}"))
    changed = joined([Text("change", "변화"), change(0, example.change, 1)], " ")
    return article(number, row, together, tag("span", changed, class_="topic"), summaries, "h3")
