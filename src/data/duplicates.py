"""Dialogues that are the same, or nearly: pairs by the Jaccard similarity of their word trigrams, and groups of them.

The pairs are exact, nothing is sampled or hashed: two sets with a Jaccard similarity of at least t share a trigram
among the |x| - ceil(t |x|) + 1 rarest of each (prefix filtering: Bayardo, Ma and Srikant, "Scaling Up All Pairs
Similarity Search", WWW 2007), and rare trigrams have short lists.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .turns import turns_of

NEAR_JACCARD = 0.5
"""From here on two dialogues are near-duplicates: the same dialogue with about one word in nine changed, or fewer."""

_WORD = re.compile(r"\w+")
_SIZE = 3
_Integers = npt.NDArray[np.int64]


class Pair(NamedTuple):
    """Two texts by their index, `first < second`, and the Jaccard similarity of their trigrams (0 to 1)."""

    first: int
    second: int
    jaccard: float


def near_duplicates(dialogues: Sequence[str], jaccard: float = NEAR_JACCARD) -> list[Pair]:
    """Return all pairs of dialogues with at least this similarity, in order.

    What is compared are runs of three words, without speakers, case and punctuation; a dialogue of one or two words is
    one run, and one without any word is like no other.
    """
    owners, trigrams = _trigrams_by_rarity(dialogues)
    if not len(owners):
        return []
    bounds = np.searchsorted(owners, np.arange(len(dialogues) + 1))
    firsts, seconds = _candidates(owners, trigrams, bounds, jaccard)
    is_in_first = np.zeros(trigrams.max() + 1, dtype=np.int64)
    pairs: list[Pair] = []
    for first, of_first in _runs(firsts):
        own = trigrams[bounds[first] : bounds[first + 1]]
        others = seconds[of_first]
        is_in_first[own] = 1
        theirs = np.concatenate([trigrams[bounds[other] : bounds[other + 1]] for other in others])
        sizes = bounds[others + 1] - bounds[others]
        shared = np.add.reduceat(is_in_first[theirs], np.cumsum(sizes) - sizes)
        is_in_first[own] = 0
        similarity = shared / (len(own) + sizes - shared)
        alike = similarity >= jaccard
        pairs += map(Pair, repeat(first), others[alike].tolist(), similarity[alike].tolist())
    return pairs


def duplicate_groups(dialogues: Sequence[str], jaccard: float = NEAR_JACCARD) -> list[list[int]]:
    """Return groups of two and more rows whose dialogues are equal or near-duplicates, directly or through others."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, dialogue in enumerate(dialogues):
        rows_of[dialogue].append(row)
    distinct = list(rows_of)
    links = [(rows[0], row) for rows in rows_of.values() for row in rows[1:]]
    for pair in near_duplicates(distinct, jaccard):
        links.append((rows_of[distinct[pair.first]][0], rows_of[distinct[pair.second]][0]))
    return connected(len(dialogues), links)


def connected(size: int, links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the connected parts of two and more members among 0..size-1, each in order, by their first member."""
    parent = list(range(size))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    parts: dict[int, list[int]] = defaultdict(list)
    for member in sorted({member for link in links for member in link}):
        parts[root(member)].append(member)
    return [part for part in parts.values() if len(part) > 1]


def _trigrams_by_rarity(dialogues: Sequence[str]) -> tuple[_Integers, _Integers]:
    """Return a dialogue and a trigram of it an item, sorted; a smaller number is a trigram of fewer dialogues."""
    numbers: dict[str, int] = {}
    words: list[int] = []
    sizes = []
    for dialogue in dialogues:
        text = " ".join(turn for _, turn in turns_of(dialogue)).casefold()
        found = [numbers.setdefault(word, len(numbers) + 1) for word in _WORD.findall(text)]
        found += [0] * (_SIZE - len(found)) if found else []
        words += found
        sizes.append(len(found))
    if not words:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    trigrams = _numbered_trigrams(np.array(words, dtype=np.int64), len(numbers) + 1)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    inside = owners[: len(trigrams)] == owners[_SIZE - 1 :]  # and not over the end of a dialogue
    distinct = _distinct(owners[: len(trigrams)][inside] * len(words) + trigrams[inside])
    owners, trigrams = np.divmod(distinct, len(words))
    order = np.argsort(np.bincount(trigrams), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return np.divmod(np.sort(owners * len(words) + rank[trigrams]), len(words))


def _numbered_trigrams(words: _Integers, vocabulary: int) -> _Integers:
    # Numbered anew after each word, so that no product leaves 64 bits.
    _, numbers = np.unique(words[:-2] * vocabulary + words[1:-1], return_inverse=True)
    _, numbers = np.unique(numbers * vocabulary + words[2:], return_inverse=True)
    return numbers


def _distinct(values: _Integers) -> _Integers:
    # np.unique hashes where it is not asked for more than the values, and takes ten times as long.
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _candidates(
    owners: _Integers, trigrams: _Integers, bounds: _Integers, jaccard: float
) -> tuple[_Integers, _Integers]:
    """Return the pairs that share a trigram of their prefixes and are alike in size, `first < second`, sorted."""
    sizes = np.diff(bounds)
    prefixes = sizes - np.ceil(jaccard * sizes - 1e-9).astype(np.int64) + 1
    kept = np.arange(len(owners)) - bounds[owners] < prefixes[owners]
    order = np.argsort(trigrams[kept], kind="stable")
    holders, shared = owners[kept][order], trigrams[kept][order]
    found = [np.empty(0, np.int64)]
    for step in range(1, len(holders)):  # the next holder of the same trigram, the one after it, ...
        same = np.flatnonzero(shared[:-step] == shared[step:])
        if not len(same):
            break
        first, second = holders[same], holders[same + step]
        alike = np.minimum(sizes[first], sizes[second]) >= jaccard * np.maximum(sizes[first], sizes[second])
        found.append(_distinct(first[alike] * len(sizes) + second[alike]))
    firsts, seconds = np.divmod(_distinct(np.concatenate(found)), len(sizes))
    return firsts, seconds


def _runs(values: _Integers) -> Iterator[tuple[int, slice]]:
    """Yield each value of a sorted array with the slice that it fills."""
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(values)]):
        yield int(values[start]), slice(start, end)
