"""Where a summary's facts come from: the turns of its dialogue that hold each number, date and name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..bilingual import Text
from ..data.prompt.turns import turns_of
from .markup import Html, join, tag

if TYPE_CHECKING:
    from ..evaluation.units import Fact


@dataclass(frozen=True)
class SourcedFact:
    """A fact as the summary writes it, and the numbers of the turns that hold it, from 0."""

    text: str
    turns: tuple[int, ...]
    held: bool
    """Whether the dialogue as a whole holds it."""


def find_sources(summaries: Sequence[str], dialogues: Sequence[str]) -> list[list[SourcedFact]]:
    """Return the facts of each summary with the turns that they come from.

    Speakers without a name, one person and today are left out: every turn would hold them. The turns of one dialogue
    are looked at together with those of all others, so that Kiwi reads Korean ones in one go.
    """
    from ..evaluation.facts import find_facts, unsupported_facts
    from ..evaluation.names import lowercase_words

    found = find_facts(summaries, lowercase_words([*summaries, *dialogues]))
    facts = [[fact for fact in dict.fromkeys(its) if _tells(fact)] for its in found]
    spoken = [[words for _, words in turns_of(dialogue)] for dialogue in dialogues]
    pairs = [(place, turn) for place, turns in enumerate(spoken) for turn in range(len(turns))]
    missing = unsupported_facts([facts[place] for place, _ in pairs], [spoken[place][turn] for place, turn in pairs])
    lacking = {pair: set(its) for pair, its in zip(pairs, missing, strict=True)}
    nowhere = unsupported_facts(facts, dialogues)
    return [
        [
            SourcedFact(
                fact.text,
                tuple(turn for turn in range(len(spoken[place])) if fact not in lacking[place, turn]),
                fact not in nowhere[place],
            )
            for fact in its
        ]
        for place, its in enumerate(facts)
    ]


def _tells(fact: "Fact") -> bool:
    if not fact.values or fact.text.startswith("#"):
        return False
    return not any(value == "people:1" or value.startswith("no-") for part in fact.values for value in part)


def marked(text: str, facts: Sequence[SourcedFact]) -> Html:
    """Return a summary with its facts marked, those that the dialogue does not hold in another way."""
    by_text = {fact.text: fact for fact in facts if fact.text}
    if not by_text:
        return join(text)
    longest_first = sorted(by_text, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<![^\W_]){re.escape(name)}" for name in longest_first))
    parts: list[str] = []
    end = 0
    for match in pattern.finditer(text):
        held = by_text[match.group()].held
        note = None if held else Text("not in the dialogue", "대화에 없음")
        parts += [text[end : match.start()]]
        parts += [tag("mark", match.group(), class_=None if held else "unheld", title=note)]
        end = match.end()
    return join(*parts, text[end:])


def dialogue_box(dialogue: str, facts: Sequence[SourcedFact], label: str, language: str | None) -> Html:
    """Return a dialogue, its turns with the facts that a summary took from them."""
    return tag(
        "div",
        *(
            _turn(speaker, words, [fact.text for fact in facts if number in fact.turns])
            for number, (speaker, words) in enumerate(turns_of(dialogue))
        ),
        class_="dialogue",
        tabindex=0,
        role="region",
        aria_label=label,
        lang=language,
        translate="no",
    )


def _turn(speaker: str | None, words: str, facts: Sequence[str]) -> Html:
    taken = tag("span", " → ", ", ".join(facts), class_="taken") if facts else None
    return tag("p", tag("b", f"{speaker}: ") if speaker else None, words, taken, class_="source" if facts else None)
