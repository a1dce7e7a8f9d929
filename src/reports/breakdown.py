"""Scores of groups of dialogues: by topic, and by how long the dialogue is."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import fsum

from ..evaluation.significance import bootstrap_interval
from .dialogue_scores import DialogueScores
from .markup import Html, join, table, tag
from .wording import change, decimal

FEWEST_FOR_INTERVAL = 5
FEWEST_FOR_LENGTHS = 9
TOPICS_SHOWN = 15
Group = tuple[Html, list[int]]
"""A group's name, and the numbers of its dialogues."""


def breakdown(scored: DialogueScores) -> Html:
    """Return the ROUGE sums by topic and by length; empty where the dialogues cannot be grouped."""
    tables = [
        _scores_table(caption, noun, groups, scored)
        for caption, noun, groups in (
            ("ROUGE sum by length of the dialogue", "Words", _by_length(scored)),
            ("ROUGE sum by topic", "Topic", _by_topic(scored)),
        )
        if groups
    ]
    if not tables:
        return Html("")
    note = (
        f"Below a score: its 95% interval over dialogues, from {FEWEST_FOR_INTERVAL} dialogues up. "
        "Small groups differ by chance: look at the intervals before the order."
    )
    return join(*tables, tag("p", note, class_="note"))


def _by_length(scored: DialogueScores) -> list[Group]:
    """Return thirds of the dialogues from short to long, named by their numbers of words."""
    lengths = [len(row.dialogue.split()) for row in scored.predictions]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    if len(order) < FEWEST_FOR_LENGTHS or lengths[order[0]] == lengths[order[-1]]:
        return []
    cuts = [round(len(order) * part / 3) for part in range(4)]
    thirds = [order[start:end] for start, end in pairwise(cuts)]
    return [(Html(f"{lengths[third[0]]:,} to {lengths[third[-1]]:,}"), third) for third in thirds]


def _by_topic(scored: DialogueScores) -> list[Group]:
    """Return the topics of two or more dialogues, the most frequent first, and all others together."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(scored.predictions):
        places[row.topic or ""].append(place)
    named = sorted(((topic, its) for topic, its in places.items() if topic), key=lambda item: -len(item[1]))
    shown = [(topic, its) for topic, its in named if len(its) > 1][:TOPICS_SHOWN]
    if not shown:
        return []
    names = {topic for topic, _ in shown}
    others = [place for topic, its in places.items() if topic not in names for place in its]
    groups = [(tag("span", topic, translate="no"), its) for topic, its in shown]
    return groups + ([(join("all others"), others)] if others else [])


def _scores_table(caption: str, noun: str, groups: Sequence[Group], scored: DialogueScores) -> Html:
    stages = [(name, sums) for name, sums in (("Before", scored.before), ("After", scored.after)) if sums]
    rows = []
    for name, places in groups:
        values = [[sums[place] for place in places] for _, sums in stages]
        changed = [change(_mean(values[0]), _mean(values[1]), 1)] if len(values) == 2 else []
        rows.append([name, f"{len(places):,}", *map(_with_interval, values), *changed])
    columns = [noun, "Dialogues", *(name for name, _ in stages), *(["Change"] if len(stages) == 2 else [])]
    return table(caption, columns, rows, "numbers")


def _with_interval(values: Sequence[float]) -> Html:
    written = decimal(_mean(values), 1)
    if len(values) < FEWEST_FOR_INTERVAL:
        return join(written)
    low, high = bootstrap_interval(values)
    return join(written, tag("small", f"{decimal(low, 1)} to {decimal(high, 1)}"))


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
