"""What overlap with a reference does not show: facts without ground, copying, repetition, length, broken outputs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, TypeAlias

from ..bilingual import count
from .copying import copied_share, length_ratio, repeated_share
from .facts import find_facts, unsupported_facts
from .names import lowercase_words
from .tokenizations import tokenize_pairs
from .units import KINDS

Numbered: TypeAlias = tuple[int, str]
"""The number of a dialogue, and a text about it."""


@dataclass(frozen=True)
class UnsupportedFact:
    """A number, date or name of a summary that its dialogue does not hold."""

    fname: str
    kind: str
    text: str


@dataclass(frozen=True)
class FactCheck:
    """How many numbers, dates and names the summaries hold, and which of them their dialogues do not."""

    found: dict[str, int]
    unsupported: list[UnsupportedFact]
    not_judged: int
    """How many numbers and dates are said in words that may mean something else (`한 번 더`, `an hour`)."""

    def count(self, kind: str) -> int:
        """Return how many facts of a kind are unsupported."""
        return sum(fact.kind == kind for fact in self.unsupported)

    def as_dict(self) -> dict[str, Any]:
        """Return counts by kind and the list, ready for JSON."""
        figures: dict[str, Any] = {
            f"{kind}s": {"found": self.found[kind], "unsupported": self.count(kind)} for kind in KINDS
        }
        return figures | {"unsupported": [vars(fact) for fact in self.unsupported], "not_judged": self.not_judged}


@dataclass(frozen=True)
class TextChecks:
    """The checks of one set of summaries. What needs the dialogues is None where there are none."""

    empty: list[str]
    """Names of the dialogues whose summary is empty."""
    length_ratio: float
    """Characters for one of the references."""
    repeated_trigrams: float
    """Mean share of three-word sequences that have occurred before in the same summary."""
    coverage: float | None
    """Mean share of words that lie in a piece copied from the dialogue (Grusky et al. 2018)."""
    density: float | None
    """Mean length of the piece that a word lies in."""
    facts: FactCheck | None

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        return vars(self) | {
            "empty": {"count": len(self.empty), "fnames": self.empty},
            "facts": self.facts.as_dict() if self.facts else None,
        }


@dataclass(frozen=True)
class Checks:
    """The checks of the summaries; of the references, as a yardstick; and of the baseline's summaries."""

    predictions: TextChecks
    references: TextChecks
    baseline: TextChecks | None
    unended: list[str] | None
    """Names of the dialogues whose summary has no end token; None where that is not known."""
    looped: list[str] | None
    """Of these, whose summary ended in a loop; None where that is not known."""
    left_out: str | None
    """Why something was not checked."""

    def notes(self) -> list[str]:
        """Return in words what is broken and what was left out."""
        notes = []
        if self.predictions.empty:
            empty = count(len(self.predictions.empty), "empty summary", "empty summaries")
            notes.append(f"{empty}, such as {self.predictions.empty[0]}'s.")
        if self.unended:
            unended = count(len(self.unended), "summary", "summaries")
            notes.append(f"{unended} without an end token, such as {self.unended[0]}'s.")
        return notes + ([self.left_out] if self.left_out else [])

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        named = {"unended": self.unended, "looped": self.looped}
        return self.predictions.as_dict() | {
            **{name: None if its is None else {"count": len(its), "fnames": its} for name, its in named.items()},
            "references": self.references.as_dict(),
            "baseline": self.baseline.as_dict() if self.baseline else None,
        }


def check_texts(
    ids: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    baseline: Sequence[str] | None = None,
    dialogues: Sequence[str] | None = None,
    ended: Sequence[bool] | None = None,
    looped: Sequence[bool] | None = None,
    facts: bool = True,
) -> Checks:
    """Check summaries, their references and a baseline's summaries; the arguments are those of `score_report`."""
    flat = [(place, text) for place, its in enumerate(references) for text in its]
    sets = [list(enumerate(predictions)), flat] + ([] if baseline is None else [list(enumerate(baseline))])
    facts_of = _facts(sets, ids, dialogues) if dialogues is not None and facts else [None] * len(sets)
    ours, theirs, *others = [
        _check_set(texts, ids, references, dialogues, found) for texts, found in zip(sets, facts_of, strict=True)
    ]
    return Checks(
        predictions=ours,
        references=theirs,
        baseline=others[0] if others else None,
        unended=None if ended is None else [name for name, whole in zip(ids, ended, strict=True) if not whole],
        looped=None if looped is None else [name for name, loops in zip(ids, looped, strict=True) if loops],
        left_out=None if dialogues is not None else "Facts and copying are not checked: the dialogues are not given.",
    )


def _check_set(
    texts: Sequence[Numbered],
    ids: Sequence[str],
    references: Sequence[Sequence[str]],
    dialogues: Sequence[str] | None,
    facts: FactCheck | None,
) -> TextChecks:
    bare = [text for _, text in texts]
    own = None if dialogues is None else [dialogues[place] for place, _ in texts]
    repeated, coverage, density = _writing(bare, own)
    return TextChecks(
        empty=[ids[place] for place, text in texts if not text.strip()],
        length_ratio=length_ratio(bare, [references[place] for place, _ in texts]),
        repeated_trigrams=repeated,
        coverage=coverage,
        density=density,
        facts=facts,
    )


def _writing(texts: Sequence[str], dialogues: Sequence[str] | None) -> tuple[float, float | None, float | None]:
    """Return repeated trigrams, coverage and density as means over texts, counted in words."""
    pairs = tokenize_pairs(list(zip(texts, dialogues if dialogues is not None else texts, strict=True)), "word")
    repeated = _mean([repeated_share(tokens) for tokens, _ in pairs])
    if dialogues is None:
        return repeated, None, None
    copied = [copied_share(*pair) for pair in pairs]
    return repeated, _mean([share.coverage for share in copied]), _mean([share.density for share in copied])


def _facts(sets: Sequence[Sequence[Numbered]], ids: Sequence[str], dialogues: Sequence[str]) -> list[FactCheck]:
    """Check the facts of all sets in one go, so that Kiwi reads each text once."""
    together = [text for texts in sets for text in texts]
    lowercase = lowercase_words([*(text for _, text in together), *dialogues])
    facts = find_facts([text for _, text in together], lowercase)
    missing = unsupported_facts(facts, [dialogues[place] for place, _ in together])
    checks, start = [], 0
    for texts in sets:
        part = slice(start, start + len(texts))
        start = part.stop
        found = Counter(fact.kind if fact.values else "" for its in facts[part] for fact in its)
        listed = zip(texts, missing[part], strict=True)
        unsupported = [UnsupportedFact(ids[place], fact.kind, fact.text) for (place, _), its in listed for fact in its]
        checks.append(FactCheck({kind: found[kind] for kind in KINDS}, unsupported, found[""]))
    return checks


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values) if values else 0.0
