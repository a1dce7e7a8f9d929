"""Numbers, dates and names that a summary says and its dialogue does not hold.

Numbers and dates are compared by value (see `quantities.py`), whatever is counted: `3시` is held by a dialogue with
`세 명`. Names in Korean text are Kiwi's proper nouns and capitalized Latin words, in English text capitalized words; at
the start of a sentence only those that no text of the set has in lower case. A name is held where the dialogue has the
same letters, so `마크` is not held by `Mark`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..data.prompt.turns import speakers_of
from .quantities import MONTHS, WEEKDAYS, Fact, find_quantities
from .tokenizations import PLACEHOLDER, analyse, compose, has_hangul

if TYPE_CHECKING:
    from kiwipiepy import Token

# Words of any script but Hangul, whose particles stand without a space behind a Latin name too (`Mark는`).
_LETTER = r"[^\W\d_\uac00-\ud7a3]"
_WORD = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*")
_PIECE = re.compile(rf"(?P<stop>[.!?:;\n\"“”]+)|(?P<word>{_WORD.pattern})")
_CONTRACTION = re.compile(r"['’](?:s|ve|re|ll|d|m)$", re.IGNORECASE)
_TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam", "st"))
_NO_NAMES = _TITLES | {"i", "ok", "mom", "dad", "ma'am", "y'all"} | {day.casefold() for day in (*WEEKDAYS, *MONTHS)}
# What starts sentences often, for sets that are too small to hold it in lower case somewhere.
_STARTERS = """
a after all also although an and another as at because before both but by during each even every finally first five for
four from he her here his how however if in it its later let many most my no not now on one only or other others our
people several she since so some somebody someone that the their then there these they this those though three to two
under until we what when where whether which while who why with without yes yet you your
"""
STARTERS = frozenset(_STARTERS.split())
_ENDINGS = ("ing", "ed", "ly")
_DERIVED = ("s", "n", "an", "ian", "ese", "ish")  # American, Canadian, Japanese
_SHORTEST_STEM = 4
_PARTICLES = "가이은는을를의로도와과만야"  # Kiwi takes one for the end of a name that it does not know, now and then


@dataclass(frozen=True)
class Held:
    """What a dialogue holds: values of numbers and dates, its text without spaces, and its words, in lower case."""

    values: frozenset[str]
    text: str
    words: frozenset[str]

    def holds(self, fact: Fact) -> bool:
        """Return whether every part of the fact is there."""
        if fact.kind == "name":
            return all(self._has_name(*alternatives) for alternatives in fact.values)
        return all(not self.values.isdisjoint(alternatives) for alternatives in fact.values)

    def _has_name(self, name: str) -> bool:
        if name.startswith("#") or has_hangul(name):
            return name in self.text or (len(name) > 2 and name[-1] in _PARTICLES and name[:-1] in self.text)
        stems = [name.removesuffix(ending) for ending in _DERIVED if name.endswith(ending)]
        stems = [stem for stem in stems if len(stem) >= _SHORTEST_STEM]
        return name in self.words or any(word.startswith(stem) for stem in stems for word in self.words)


def lowercase_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the words that occur in lower case somewhere: at the start of a sentence they are no names."""
    return STARTERS | {_uncontracted(word) for text in texts for word in _WORD.findall(text) if word.islower()}


def find_facts(texts: Sequence[str], lowercase: frozenset[str] = STARTERS) -> list[list[Fact]]:
    """Return numbers, dates and names of each text, in this order; `lowercase` is that of `lowercase_words`."""
    facts = []
    for text, tokens in zip(map(compose, texts), _analysed(texts), strict=True):
        placeholders = [match.group() for match in PLACEHOLDER.finditer(text)]
        names = _english_names(text, lowercase) if tokens is None else _korean_names(tokens)
        named = [Fact("name", name, tuple((word.casefold(),) for word in name.split())) for name in names]
        named += [Fact("name", name, ((name.casefold(),),)) for name in placeholders]
        facts.append([*find_quantities(text, tokens), *dict.fromkeys(named)])
    return facts


def unsupported_facts(facts: Sequence[Sequence[Fact]], dialogues: Sequence[str]) -> list[list[Fact]]:
    """Return those facts of each text that its dialogue does not hold.

    The number of its speakers and 1 are always among a dialogue's numbers: "two people talk" needs no ground.
    """
    counted = {dialogue for its, dialogue in zip(facts, dialogues, strict=True) if any(f.kind != "name" for f in its)}
    values = _values(list(counted))
    held = {dialogue: _held(dialogue, values.get(dialogue, frozenset())) for dialogue in set(dialogues)}
    return [
        [fact for fact in its if not held[dialogue].holds(fact)] for its, dialogue in zip(facts, dialogues, strict=True)
    ]


def _values(dialogues: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the values of all numbers and dates of each dialogue."""
    values = {}
    for dialogue, tokens in zip(dialogues, _analysed(dialogues), strict=True):
        text = compose(dialogue)
        said = {part[0] for fact in find_quantities(text, tokens) for part in fact.values}
        values[dialogue] = frozenset(said | {"1", str(len(set(speakers_of(text))))})
    return values


def _held(dialogue: str, values: frozenset[str]) -> Held:
    text = compose(dialogue)
    words = frozenset(_uncontracted(word).casefold() for word in _WORD.findall(text))
    return Held(values, "".join(text.casefold().split()), words)


def _analysed(texts: Sequence[str]) -> "list[list[Token] | None]":
    """Return Kiwi's tokens of each text with Hangul, None for the others; Kiwi is loaded only where there are any."""
    korean = [text for text in texts if has_hangul(text)]
    tokens = dict(zip(korean, analyse(korean), strict=True)) if korean else {}
    return [tokens.get(text) for text in texts]


def _korean_names(tokens: "Sequence[Token]") -> list[str]:
    """Return Kiwi's proper nouns of more than one letter, and capitalized Latin words."""
    names = []
    for token in tokens:
        if token.tag == "SL":
            words = [_uncontracted(word) for word in _WORD.findall(token.form)]
            names += [word for word in words if word[0].isupper() and len(word) > 1 and not _is_common(word)]
        elif token.tag == "NNP" and len(token.form) > 1 and not token.form.startswith("#"):
            names.append(token.form)
    return names


def _uncontracted(word: str) -> str:
    """Return `They've` as `They`, `Tom's` as `Tom`; `O'Brien` and `Don't` stay, with a plain apostrophe."""
    return _CONTRACTION.sub("", word).replace("’", "'")


def _is_common(word: str) -> bool:
    """Return whether a capitalized word is no name wherever it stands."""
    return word.casefold() in _NO_NAMES or word.casefold().endswith("n't")


def _english_names(text: str, lowercase: frozenset[str]) -> list[str]:
    """Return capitalized words, those beside each other as one name."""
    names: list[str] = []
    starts, last_end, before = True, -2, ""
    for piece in _PIECE.finditer(PLACEHOLDER.sub(lambda place: "_" * len(place.group()), text)):
        if piece["stop"]:
            starts = starts or before not in _TITLES or piece["stop"] != "."
            continue
        word = _uncontracted(piece["word"])
        before, starts, may_be_common = word.casefold(), False, starts
        if not word[0].isupper() or _is_common(word):
            continue
        if may_be_common and (before in lowercase or before.endswith(_ENDINGS)):
            continue
        if names and piece.start() == last_end + 1:
            names[-1] += f" {word}"
        else:
            names.append(word)
        last_end = piece.end()
    return names
