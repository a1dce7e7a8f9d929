"""The examples of a run's page: the best and the worst summaries, with the turns that their facts come from."""

from collections.abc import Sequence

from ..bilingual import Text, count, joined
from ..evaluation.result import SCORE_NAMES
from ..runs.json_lines import Prediction
from .dialogue_scores import DialogueScores
from .markup import Html, join, language, named, notes, tag
from .sources import SourcedFact, dialogue_box, find_sources, marked
from .wording import decimal

EACH_END = 5
LONG = 800
LONG_LINES = 12
FACTS_NOTE = Text(
    "Marked in a summary: its numbers, dates and names. A turn that one of them comes from has a line at its side and "
    "names it after an arrow; a wavy line is under what the dialogue does not hold.",
    "요약에 나온 숫자, 날짜, 이름을 표시했습니다. 그것이 나온 발화에는 옆줄을 긋고 화살표 뒤에 적었습니다. "
    "대화에 없는 것에는 물결 밑줄을 그었습니다.",
)
REFERENCE = Text("Reference", "기준 요약")


def examples(predictions: Sequence[Prediction], scored: DialogueScores) -> Html:
    """Return the dialogues with the best and the worst ROUGE sums, each with its reference and both summaries."""
    if not predictions:
        return Html("")
    sums = {id(row): value for row, value in zip(scored.predictions, scored.last, strict=True)} if scored.last else {}
    ranked = sorted(predictions, key=lambda row: -sums.get(id(row), -1.0))
    total, of = count(len(predictions), "evaluation dialogue"), f"평가 대화 {len(predictions):,}개"
    groups: list[tuple[str, list[Prediction]]]
    if len(ranked) <= 2 * EACH_END:
        groups = [("", ranked)]
        order = (
            Text("the best ROUGE sum first", "ROUGE 합이 높은 순서")
            if sums
            else Text("in the file's order", "파일에 있는 순서")
        )
        which = Text(f"{total}, all there are, {order}.", f"{of} 모두, {order.ko}입니다.")
    elif sums:
        ranked = [row for row in ranked if id(row) in sums]
        groups = [
            (Text("The best", "점수가 가장 높은 요약"), ranked[:EACH_END]),
            (Text("The worst", "점수가 가장 낮은 요약"), ranked[: -EACH_END - 1 : -1]),
        ]
        which = Text(
            f"The {EACH_END} with the best and the {EACH_END} with the worst ROUGE sum of {total}.",
            f"{of} 중 ROUGE 합이 가장 높은 {EACH_END}개와 가장 낮은 {EACH_END}개입니다.",
        )
    else:
        groups = [("", ranked[: 2 * EACH_END])]
        which = Text(
            f"The first {2 * EACH_END} of {total}, in the file's order.",
            f"{of} 중 파일 순서로 처음 {2 * EACH_END}개입니다.",
        )
    shown = [row for _, rows in groups for row in rows]
    facts = find_sources([_last(row) for row in shown], [row.dialogue for row in shown])
    parts, numbered = [notes(which, FACTS_NOTE if any(facts) else None)], enumerate(facts, 1)
    for title, rows in groups:
        parts.append(tag("h3", title, class_="group") if title else Html(""))
        for row in rows:
            number, its = next(numbered)
            parts.append(_example(number, row, its, sums.get(id(row)), "h4" if title else "h3"))
    return join(*parts)


def _last(row: Prediction) -> str:
    return row.fine_tuned if row.fine_tuned is not None else row.zero_shot or ""


def _example(number: int, row: Prediction, facts: Sequence[SourcedFact], rouge_sum: float | None, level: str) -> Html:
    score = tag("span", rouge_sum_of(rouge_sum), class_="topic") if rouge_sum is not None else None
    parts = (
        (REFERENCE, row.summary, False),
        (Text("Before training", "학습 전"), row.zero_shot, row.fine_tuned is None),
        (Text("After training", "학습 후"), row.fine_tuned, True),
    )
    summaries = [
        summary_box(title, text, facts if last else [], "h5" if level == "h4" else "h4", "after" if last else None)
        for title, text, last in parts
        if text is not None
    ]
    return article(number, row, facts, score, summaries, level)


def article(
    number: int, row: Prediction, facts: Sequence[SourcedFact], note: Html | None, summaries: Sequence[Html], level: str
) -> Html:
    """Return a dialogue beside its summaries, under its number, name, topic and a note."""
    topic = named(row.topic, class_="topic", lang=language(row.topic)) if row.topic else None
    name = named(f": {row.fname}") if row.fname else None
    label = Text(f"Dialogue of example {number}", f"예시 {number}의 대화")
    box = dialogue_box(row.dialogue, facts, label, language(row.dialogue))
    heading = tag(level, Text(f"Example {number}", f"예시 {number}"), name, topic, note, class_="example")
    return tag("article", heading, tag("div", box, tag("div", *summaries, class_="summaries"), class_="pair"))


def rouge_sum_of(value: float) -> Text:
    """Return a dialogue's ROUGE sum with its name."""
    return joined([SCORE_NAMES["rouge_sum"], decimal(value, 1)], " ")


def summary_box(title: str | Html, text: str, facts: Sequence[SourcedFact], level: str, class_: str | None) -> Html:
    """Return a summary under its title, with its facts marked."""
    # A long text (a model that does not end) scrolls in its box; what scrolls must be reachable by keyboard.
    is_long = len(text) > LONG or text.count("\n") > LONG_LINES
    whole = tag(
        "p",
        marked(text, facts),
        class_="long" if is_long else None,
        tabindex=0 if is_long else None,
        lang=language(text),
        translate="no",
    )
    return tag(
        "section",
        tag(level, title),
        whole if text.strip() else tag("p", Text("(empty)", "(비어 있음)"), class_="note"),
        class_=class_,
    )
