"""Numbers, dates and names that a summary says and its dialogue does not hold.

Numbers and dates are compared by value and by what they count (`units.py`): `3시` is held by `오후 세 시` and `15:00`,
not by `세 명`. Names are held where the dialogue has the same letters, so `마크` is not held by `Mark`. Facts without
values are said and not judged; they are counted apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..data.prompt.turns import speakers_of
from .names import STARTERS, WORD, english_names, has_english_name, has_korean_name, korean_names, uncontracted
from .quantities import find_quantities
from .tokenizations import PLACEHOLDER, analyse, compose, has_hangul
from .units import Fact

if TYPE_CHECKING:
    from kiwipiepy import Token

_FROM_NOW = ("day", "week", "month", "year")


@dataclass(frozen=True)
class Held:
    """What a dialogue holds: values of numbers and dates, and what is looked into for names alone."""

    values: frozenset[str]
    dialogue: str

    @cached_property
    def text(self) -> str:
        """Return the text without spaces, in lower case."""
        return "".join(self.dialogue.casefold().split())

    @cached_property
    def words(self) -> frozenset[str]:
        """Return the words in lower case."""
        return frozenset(uncontracted(word).casefold() for word in set(WORD.findall(self.dialogue)))

    def holds(self, fact: Fact) -> bool:
        """Return whether every part of the fact is there."""
        if fact.kind == "name":
            return all(self._has_name(*alternatives) for alternatives in fact.values)
        return all(not self.values.isdisjoint(alternatives) for alternatives in fact.values)

    def _has_name(self, name: str) -> bool:
        if name.startswith("#") or has_hangul(name):
            return has_korean_name(self.text, name)
        return has_english_name(self.words, name)


def find_facts(texts: Sequence[str], lowercase: frozenset[str] = STARTERS) -> list[list[Fact]]:
    """Return numbers, dates and names of each text, in this order; `lowercase` is that of `lowercase_words`."""
    facts = []
    for text, tokens in zip(map(compose, texts), _analysed(texts), strict=True):
        if tokens is None:
            parts = {name: name.split() for name in english_names(text, lowercase)}
        else:
            parts = {name: ["".join(name.split())] for name in korean_names(text, tokens)}
        parts |= {match.group(): [match.group()] for match in PLACEHOLDER.finditer(text)}
        names = [Fact("name", name, tuple((part.casefold(),) for part in its)) for name, its in parts.items()]
        facts.append([*find_quantities(text, tokens), *names])
    return facts


def unsupported_facts(facts: Sequence[Sequence[Fact]], dialogues: Sequence[str]) -> list[list[Fact]]:
    """Return those facts of each text that its dialogue does not hold.

    Every dialogue holds as many people as it has speakers, and one: "two people talk" needs no ground.
    """
    counted = {dialogue for its, dialogue in zip(facts, dialogues, strict=True) if any(f.kind != "name" for f in its)}
    values = _values(list(counted))
    held = {dialogue: Held(values.get(dialogue, frozenset()), compose(dialogue)) for dialogue in set(dialogues)}
    return [
        [fact for fact in its if not held[dialogue].holds(fact)] for its, dialogue in zip(facts, dialogues, strict=True)
    ]


def _values(dialogues: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the values of all numbers and dates of each dialogue."""
    values = {}
    for dialogue, tokens in zip(dialogues, _analysed(dialogues), strict=True):
        said = {value for fact in find_quantities(compose(dialogue), tokens) for value in fact.gives}
        said |= {"people:1", f"people:{len(set(speakers_of(compose(dialogue))))}"}
        # The days (weeks, months, years) from now that it names: where there is none, it is of today.
        named = {unit for unit in _FROM_NOW if any(value.startswith((f"{unit}+", f"{unit}-")) for value in said)}
        values[dialogue] = frozenset(said | {f"no-{unit}" for unit in _FROM_NOW if unit not in named})
    return values


def _analysed(texts: Sequence[str]) -> "list[list[Token] | None]":
    """Return Kiwi's tokens of each text with Hangul, None for the others; Kiwi is loaded only where there are any."""
    korean = list(dict.fromkeys(text for text in texts if has_hangul(text)))
    tokens = dict(zip(korean, analyse(korean), strict=True)) if korean else {}
    return [tokens.get(text) for text in texts]
