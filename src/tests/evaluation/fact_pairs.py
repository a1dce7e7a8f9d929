"""Dialogues, each with a summary that it supports (`+`) and one that it does not (`-`, the wrong part in brackets).

Used by `test_fact_pairs.py` and by `benchmarks/korean_facts.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from src.evaluation.facts import find_facts, unsupported_facts
from src.evaluation.names import lowercase_words


@dataclass(frozen=True)
class Pair:
    kind: str
    dialogue: str
    summary: str
    wrong: str
    """The part of the summary that the dialogue does not support; empty where it supports all."""


def read_pairs(path: Path) -> list[Pair]:
    return [pair for block in path.read_text(encoding="utf-8").strip().split("\n\n") for pair in _block(block)]


def _block(block: str) -> Iterator[Pair]:
    lines = [line.split(" ", 1) for line in block.splitlines()]
    (kind,) = [text for sign, text in lines if sign == "#"]
    dialogue = "\n".join(text for sign, text in lines if sign == ">")
    for sign, text in lines:
        if sign in "+-":
            wrong = re.search(r"\[(.+?)\]", text)
            assert (wrong is None) == (sign == "+"), text
            yield Pair(kind, dialogue, text.replace("[", "").replace("]", ""), wrong[1] if wrong else "")


def false_alarms_and_misses(pairs: list[Pair]) -> tuple[list[str], list[str]]:
    """Return the supported summaries of which something is reported, and the others of which the wrong part is not."""
    summaries = [pair.summary for pair in pairs]
    dialogues = [pair.dialogue for pair in pairs]
    facts = find_facts(summaries, lowercase_words([*summaries, *dialogues]))
    alarms, misses = [], []
    for pair, reported in zip(pairs, unsupported_facts(facts, dialogues), strict=True):
        texts = [fact.text for fact in reported]
        if not pair.wrong and texts:
            alarms.append(f"{pair.summary}: {', '.join(texts)}")
        elif pair.wrong and not any(_overlap(text, pair) for text in texts):
            misses.append(f"{pair.summary}: {pair.wrong}")
    return alarms, misses


def _overlap(text: str, pair: Pair) -> bool:
    start = pair.summary.index(pair.wrong)
    place = pair.summary.find(text)
    while place >= 0:
        if place < start + len(pair.wrong) and start < place + len(text):
            return True
        place = pair.summary.find(text, place + 1)
    return False
