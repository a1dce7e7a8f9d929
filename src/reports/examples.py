"""The examples of a run's page: the best and the worst summaries, with the turns that their facts come from."""

from collections.abc import Sequence

from ..runs.schema import Prediction
from .dialogue_scores import DialogueScores
from .markup import Html, join, language, tag
from .sources import SourcedFact, dialogue_box, find_sources, marked
from .wording import count, decimal

EACH_END = 5
LONG = 800
LONG_LINES = 12
FACTS_NOTE = (
    "Marked in a summary: its numbers, dates and names. A turn that one of them comes from has a line at its side and "
    "names it after an arrow; a wavy line is under what the dialogue does not hold."
)


def examples(predictions: Sequence[Prediction], scored: DialogueScores) -> Html:
    """Return the dialogues with the best and the worst ROUGE sums, each with its reference and both summaries."""
    if not predictions:
        return Html("")
    sums = {id(row): value for row, value in zip(scored.predictions, scored.last, strict=True)} if scored.last else {}
    ranked = sorted(predictions, key=lambda row: -sums.get(id(row), -1.0))
    total = count(len(predictions), "evaluation dialogue")
    if len(ranked) <= 2 * EACH_END:
        groups = [("", ranked)]
        which = f"{total}, all there are" + (", the best ROUGE sum first." if sums else ", in the file's order.")
    elif sums:
        ranked = [row for row in ranked if id(row) in sums]
        groups = [("The best", ranked[:EACH_END]), ("The worst", ranked[: -EACH_END - 1 : -1])]
        which = f"The {EACH_END} with the best and the {EACH_END} with the worst ROUGE sum of {total}."
    else:
        groups = [("", ranked[: 2 * EACH_END])]
        which = f"The first {2 * EACH_END} of {total}, in the file's order."
    shown = [row for _, rows in groups for row in rows]
    facts = find_sources([_last(row) for row in shown], [row.dialogue for row in shown])
    notes = [tag("p", which, class_="note"), tag("p", FACTS_NOTE, class_="note") if any(facts) else None]
    parts, number = [], 0
    for title, rows in groups:
        parts.append(tag("h3", title, class_="group") if title else Html(""))
        for row in rows:
            parts.append(_example(number + 1, row, facts[number], sums.get(id(row)), "h4" if title else "h3"))
            number += 1
    return join(*notes, *parts)


def _last(row: Prediction) -> str:
    return row.fine_tuned if row.fine_tuned is not None else row.zero_shot or ""


def _example(number: int, row: Prediction, facts: Sequence[SourcedFact], rouge_sum: float | None, level: str) -> Html:
    topic = tag("span", row.topic, class_="topic", lang=language(row.topic), translate="no") if row.topic else None
    score = tag("span", f"ROUGE sum {decimal(rouge_sum, 1)}", class_="topic") if rouge_sum is not None else None
    name = join(f"Example {number}", tag("span", f": {row.fname}", translate="no") if row.fname else None)
    box = dialogue_box(row.dialogue, facts, f"Dialogue of example {number}", language(row.dialogue))
    parts = (
        ("Reference", row.summary, False),
        ("Before training", row.zero_shot, row.fine_tuned is None),
        ("After training", row.fine_tuned, True),
    )
    summaries = [
        summary_box(title, text, facts if last else [], "h5" if level == "h4" else "h4", "after" if last else None)
        for title, text, last in parts
        if text is not None
    ]
    heading = tag(level, name, topic, score, class_="example")
    return tag("article", heading, tag("div", box, tag("div", *summaries, class_="summaries"), class_="pair"))


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
        "section", tag(level, title), whole if text.strip() else tag("p", "(empty)", class_="note"), class_=class_
    )
