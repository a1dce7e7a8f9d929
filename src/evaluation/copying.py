"""How a summary is written, whatever it says: how much it copies from its dialogue, and how much it repeats itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True)
class Copied:
    """What a summary shares with its dialogue in unbroken pieces (Grusky et al. 2018)."""

    coverage: float
    """Share of the summary's words that lie in such a piece."""
    density: float
    """Mean over the summary's words of the length of the piece it lies in: 1 for single words, 10 for whole clauses."""


def fragment_lengths(summary: Sequence[str], dialogue: Sequence[str]) -> list[int]:
    """Return the lengths of the extractive fragments of `summary`, both given as tokens.

    From the left, each fragment is the longest run of tokens that the dialogue has too: the greedy procedure of Grusky,
    Naaman & Artzi, "Newsroom: A Dataset of 1.3 Million Summaries with Diverse Extractive Strategies", 2018, figure 2.
    """
    places: dict[str, list[int]] = {}
    for place, token in enumerate(dialogue):
        places.setdefault(token, []).append(place)
    lengths = []
    start = 0
    while start < len(summary):
        longest = searched = 0
        for place in places.get(summary[start], ()):
            if place < searched:  # the procedure goes on after a run that it has tried
                continue
            end = place
            while (
                end < len(dialogue)
                and start + end - place < len(summary)
                and dialogue[end] == summary[start + end - place]
            ):
                end += 1
            longest, searched = max(longest, end - place), end
        if longest:
            lengths.append(longest)
        start += max(longest, 1)
    return lengths


def copied_share(summary: Sequence[str], dialogue: Sequence[str]) -> Copied:
    """Return coverage and density of one summary, both 0 where it has no tokens."""
    lengths = fragment_lengths(summary, dialogue)
    words = max(len(summary), 1)
    return Copied(sum(lengths) / words, sum(length**2 for length in lengths) / words)


def copied_runs_share(summary: Sequence[str], dialogue: Sequence[str], size: int = 3) -> float:
    """Return the share of a summary's tokens in fragments of `size` or more, as whole clauses are; 0 without tokens.

    Single words of a dialogue stand in every good summary, so coverage tells little of one that is cut out of it.
    """
    return sum(length for length in fragment_lengths(summary, dialogue) if length >= size) / max(len(summary), 1)


def repeated_share(tokens: Sequence[str], size: int = 3) -> float:
    """Return the share of a text's n-grams (of `size` tokens) that have occurred in it before; 0 in short texts."""
    ngrams = [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]
    return 1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def length_ratio(texts: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return the characters of all texts (white space apart) for one of their references, several counting as a mean.

    References without a character give 0.
    """
    expected = fsum(fsum(map(_characters, its)) / len(its) for its in references)
    return sum(map(_characters, texts)) / expected if expected else 0.0


def _characters(text: str) -> int:
    return len("".join(text.split()))
