"""Scores of groups of dialogues: by topic, and by how long the dialogue is."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import fsum

from ..bilingual import Text
from ..evaluation.significance import bootstrap_interval
from .dialogue_scores import DialogueScores
from .markup import Html, join, named, notes, scrolling_table, tag
from .wording import between, change, decimal, interval

BEFORE, AFTER, CHANGE = Text("Before", "학습 전"), Text("After", "학습 후"), Text("Change", "변화")
FEWEST_FOR_INTERVAL = 5
FEWEST_FOR_LENGTHS = 9
TOPICS_SHOWN = 15
DialogueGroup = tuple[str, list[int]]
"""A group's name, and the numbers of its dialogues."""


def breakdown(scored: DialogueScores) -> Html:
    """Return the ROUGE sums by topic and by length; empty where the dialogues cannot be grouped."""
    by_length, by_topic = groups_by_length(scored), groups_by_topic(scored)
    caption = Text("ROUGE sum by length of the dialogue", "대화 길이별 ROUGE 합")
    tables = [_scores_table(caption, Text("Words", "어절 수"), by_length, scored)] if by_length else []
    if by_topic:
        caption = Text("ROUGE sum by topic", "주제별 ROUGE 합")
        tables.append(_scores_table(caption, Text("Topic", "주제"), by_topic, scored))
    if not tables:
        return Html("")
    note = Text(
        f"Below a score: its 95% interval over dialogues, from {FEWEST_FOR_INTERVAL} dialogues up. "
        "Small groups differ by chance: look at the intervals before the order.",
        f"점수 아래는 대화를 다시 뽑아 구한 95% 신뢰 구간입니다(대화 {FEWEST_FOR_INTERVAL}개부터). "
        "작은 그룹은 우연히 달라질 수 있으니 순서보다 구간을 먼저 보세요.",
    )
    return join(*tables, notes(note))


def groups_by_length(scored: DialogueScores) -> list[DialogueGroup]:
    """Return thirds of the dialogues from short to long, named by their numbers of words."""
    lengths = [len(row.dialogue.split()) for row in scored.predictions]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    if len(order) < FEWEST_FOR_LENGTHS or lengths[order[0]] == lengths[order[-1]]:
        return []
    cuts = [round(len(order) * part / 3) for part in range(4)]
    thirds = [order[start:end] for start, end in pairwise(cuts)]
    return [(between(f"{lengths[third[0]]:,}", f"{lengths[third[-1]]:,}"), third) for third in thirds]


def groups_by_topic(scored: DialogueScores) -> list[DialogueGroup]:
    """Return the topics of two or more dialogues, the most frequent first, and all others together."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(scored.predictions):
        places[row.topic or ""].append(place)
    frequent = sorted(((topic, its) for topic, its in places.items() if topic), key=lambda item: -len(item[1]))
    shown = [(topic, its) for topic, its in frequent if len(its) > 1][:TOPICS_SHOWN]
    if not shown:
        return []
    names = {topic for topic, _ in shown}
    others = [place for topic, its in places.items() if topic not in names for place in its]
    groups: list[DialogueGroup] = [(named(topic), its) for topic, its in shown]
    return groups + ([(Text("all others", "나머지"), others)] if others else [])


def _scores_table(caption: str, noun: str, groups: Sequence[DialogueGroup], scored: DialogueScores) -> Html:
    stages = [(name, sums) for name, sums in ((BEFORE, scored.before), (AFTER, scored.after)) if sums]
    rows = []
    for name, places in groups:
        values = [[sums[place] for place in places] for _, sums in stages]
        changed = [change(_mean(values[0]), _mean(values[1]), 1)] if len(values) == 2 else []
        rows.append([name, f"{len(places):,}", *map(_with_interval, values), *changed])
    names = [name for name, _ in stages]
    columns = [noun, Text("Dialogues", "대화 수"), *names, *([CHANGE] if len(stages) == 2 else [])]
    return scrolling_table(caption, columns, rows, "numbers")


def _with_interval(values: Sequence[float]) -> Html:
    written = decimal(_mean(values), 1)
    if len(values) < FEWEST_FOR_INTERVAL:
        return join(written)
    low, high = bootstrap_interval(values)
    return join(written, tag("small", interval(low, high)))


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
