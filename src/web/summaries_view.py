"""Summaries of the same dialogues side by side, with their facts marked: worked out in the worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from statistics import median_low

from ..bilingual import Text
from ..reports.dialogue_scores import dialogue_scores
from ..reports.examples import REFERENCE, article, rouge_sum_of, summary_box
from ..reports.markup import Html, join, named, tag
from ..reports.sources import find_sources
from ..reports.wording import change
from ..runs.json_lines import Prediction
from ..runs.read import read_run
from .paging import page_there

SHOWN_AT_ONCE = 10
SUMMARY_ORDERS = {
    "gain": Text("the largest gain first", "많이 좋아진 순서"),
    "loss": Text("the largest loss first", "많이 나빠진 순서"),
    "best": Text("the best first", "점수가 높은 순서"),
    "worst": Text("the worst first", "점수가 낮은 순서"),
    "file": Text("as in the file", "파일 순서"),
}
DIALOGUE_SIZES = {
    "": Text("all lengths", "모든 길이"),
    "short": Text("the shorter half", "짧은 절반"),
    "long": Text("the longer half", "긴 절반"),
}
BEFORE, AFTER = Text("Before training", "학습 전"), Text("After training", "학습 후")


@dataclass(frozen=True)
class SummariesAsked:
    """Which dialogues of a run, in which order, and the other runs, by name, whose summaries stand beside."""

    folder: Path
    others: Mapping[str, Path] = field(default_factory=dict)
    order: str = "gain"
    topic: str = ""
    size: str = ""
    page: int = 0


@dataclass(frozen=True)
class SummariesShown:
    """A page of dialogues, number `page` from 0: `total` of them match, `topics` are all there are."""

    articles: list[Html]
    page: int
    total: int
    topics: list[str]
    missing: list[str]


def summaries_shown(asked: SummariesAsked) -> SummariesShown:
    """Return a page of dialogues with their summaries.

    Raises:
        YoyakError: a run's file is broken or missing.
    """
    rows, before, after = _scored(asked.folder, _stamp(asked.folder))
    middle = median_low(len(row.dialogue) for row in rows) if rows else 0
    places = [
        place
        for place, row in enumerate(rows)
        if (not asked.topic or row.topic == asked.topic) and _has_size(row, middle, asked.size)
    ]
    places = _ordered(places, before, after, asked.order)
    page = page_there(asked.page, len(places), SHOWN_AT_ONCE)
    first = page * SHOWN_AT_ONCE
    shown = places[first : first + SHOWN_AT_ONCE]
    beside = {name: _by_dialogue(other, _stamp(other)) for name, other in asked.others.items()}
    articles = _articles(
        [(first + n + 1, rows[place], before[place], after[place]) for n, place in enumerate(shown)], beside
    )
    topics = sorted({row.topic for row in rows if row.topic})
    missing = [name for name, known in beside.items() if not any(row.dialogue in known for row in rows)]
    return SummariesShown(articles, page, len(places), topics, missing)


Scored = tuple[list[Prediction], list[float | None], list[float | None]]


@lru_cache(maxsize=4)
def _scored(folder: Path, stamp: object) -> Scored:
    """Return a run's rows with a summary, and their ROUGE sums before and after."""
    run = read_run(folder)
    scores = dialogue_scores(run)
    sums = {id(row): place for place, row in enumerate(scores.predictions)}
    rows = [row for row in run.predictions if row.zero_shot is not None or row.fine_tuned is not None]

    def of(stage: tuple[float, ...] | None) -> list[float | None]:
        return [stage[sums[id(row)]] if stage and id(row) in sums else None for row in rows]

    return rows, of(scores.before), of(scores.after)


@lru_cache(maxsize=8)
def _by_dialogue(folder: Path, stamp: object) -> dict[str, str]:
    return {row.dialogue: row.fine_tuned for row in read_run(folder).predictions if row.fine_tuned is not None}


def system_summaries(folder: Path, is_before: bool) -> dict[str, tuple[str, float | None, str | None]]:
    """Return a run's summaries before or after training by dialogue, each with its ROUGE sum and the reference."""
    rows, before, after = _scored(folder, _stamp(folder))
    texts = [row.zero_shot if is_before else row.fine_tuned for row in rows]
    sums = before if is_before else after
    known = zip(rows, texts, sums, strict=True)
    return {row.dialogue: (text, value, row.summary) for row, text, value in known if text is not None}


def _stamp(folder: Path) -> object:
    try:
        found = (folder / "predictions.jsonl").stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _has_size(row: Prediction, middle: int, size: str) -> bool:
    return size not in ("short", "long") or (len(row.dialogue) <= middle) == (size == "short")


def _ordered(places: list[int], before: Sequence[float | None], after: Sequence[float | None], order: str) -> list[int]:
    def gained(place: int) -> float:
        return (after[place] or 0.0) - (before[place] or 0.0)

    def reached(place: int) -> float:
        value = after[place] if after[place] is not None else before[place]
        return value or 0.0

    keys = {
        "gain": lambda place: -gained(place),
        "loss": gained,
        "best": lambda place: -reached(place),
        "worst": reached,
    }
    return sorted(places, key=keys[order]) if order in keys else places


def _articles(
    rows: Sequence[tuple[int, Prediction, float | None, float | None]], beside: dict[str, dict[str, str]]
) -> list[Html]:
    boxes = []
    for _, row, _, _ in rows:
        texts: list[tuple[str | Html, str | None, str | None]] = [
            (REFERENCE, row.summary, None),
            (BEFORE, row.zero_shot, None),
            (AFTER, row.fine_tuned, "after"),
            *((named(name), known.get(row.dialogue), "run") for name, known in beside.items()),
        ]
        boxes.append([(title, text, class_) for title, text, class_ in texts if text is not None])
    flat = [(text, row.dialogue) for (_, row, _, _), its in zip(rows, boxes, strict=True) for _, text, _ in its]
    found = iter(find_sources([text for text, _ in flat], [dialogue for _, dialogue in flat]))
    articles = []
    for (number, row, before, after), its in zip(rows, boxes, strict=True):
        facts = [next(found) for _ in its]
        summaries = [summary_box(t, text, marks, "h3", c) for (t, text, c), marks in zip(its, facts, strict=True)]
        turned = next((marks for (_, _, class_), marks in zip(its, facts, strict=True) if class_ == "after"), facts[0])
        articles.append(article(number, row, turned, _note(before, after), summaries, "h2"))
    return articles


def _note(before: float | None, after: float | None) -> Html | None:
    value = after if after is not None else before
    if value is None:
        return None
    gained = join(" (", change(before, after, 1), ")") if before is not None and after is not None else None
    return tag("span", rouge_sum_of(value), gained, class_="topic")
