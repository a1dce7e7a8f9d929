"""Dialogues that are the same, or nearly: pairs by the Jaccard similarity of their word trigrams, and groups of them.

Two sets with a Jaccard similarity of at least t share a trigram among the |x| - ceil(t |x|) + 1 rarest of each (prefix
filtering: Bayardo, Ma and Srikant, "Scaling Up All Pairs Similarity Search", WWW 2007), and rare trigrams have short
lists. Where thousands of dialogues are nearly the same, they have long ones. Groups are exact all the same, since
dialogues that are in one group already are compared no more; pairs are limited, see `near_duplicates`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..prompt.turns import turns_of

NEAR_JACCARD = 0.5
"""From here on two dialogues are near-duplicates: the same dialogue with about one word in nine changed, or fewer."""

MOST_COMPARED = 32
"""Neighbours on either side in a trigram's list that a dialogue is paired with."""

_WORD = re.compile(r"\w+")
_SIZE = 3
_Integers = npt.NDArray[np.int64]


class Pair(NamedTuple):
    """Two texts by their index, `first < second`, and the Jaccard similarity of their trigrams (0 to 1)."""

    first: int
    second: int
    jaccard: float


def near_duplicates(dialogues: Sequence[str], jaccard: float = NEAR_JACCARD) -> list[Pair]:
    """Return pairs of dialogues with at least this similarity, in order.

    What is compared are runs of three words, without speakers, case and punctuation; a dialogue of one or two words is
    one run, and one without any word is like no other. All pairs are found unless a rare trigram has more than
    MOST_COMPARED + 1 dialogues: these are put into a random order, the same at each call, and each is compared with
    MOST_COMPARED neighbours on either side, so that their number does not grow with the square of the dialogues.
    """
    texts = _Trigrams.of(dialogues)
    lists = texts.lists(jaccard, np.random.default_rng(0).permutation(len(dialogues)))
    found = texts.alike(*texts.candidates(lists, jaccard, 1, MOST_COMPARED), jaccard)
    return list(map(Pair, *(part.tolist() for part in found)))


def duplicate_groups(dialogues: Sequence[str], jaccard: float = NEAR_JACCARD) -> list[list[int]]:
    """Return groups of two and more rows whose dialogues are equal or near-duplicates, directly or through others."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, dialogue in enumerate(dialogues):
        rows_of[dialogue].append(row)
    distinct = list(rows_of)
    links = [(rows[0], row) for rows in rows_of.values() for row in rows[1:]]
    for group in _near_groups(distinct, jaccard):
        links += [(rows_of[distinct[group[0]]][0], rows_of[distinct[other]][0]) for other in group[1:]]
    return connected(len(dialogues), links)


def _near_groups(dialogues: Sequence[str], jaccard: float) -> list[list[int]]:
    """Return the groups of near-duplicates: neighbours in the lists first, then ever wider, but not within a group."""
    texts = _Trigrams.of(dialogues)
    lists = texts.lists(jaccard, np.arange(len(dialogues)))
    group_of, groups = np.arange(len(dialogues)), list[list[int]]()
    links: list[tuple[int, int]] = []
    step = 1
    while len(lists.holders):
        firsts, seconds = texts.candidates(lists, jaccard, step, 2 * step - 1)
        apart = group_of[firsts] != group_of[seconds]
        firsts, seconds, _ = texts.alike(firsts[apart], seconds[apart], jaccard)
        links += zip(firsts.tolist(), seconds.tolist(), strict=True)
        groups = connected(len(dialogues), links)
        links = [(group[0], other) for group in groups for other in group[1:]]
        for group in groups:
            group_of[group] = group[0]
        step *= 2
        lists = lists.undecided(group_of, step)
    return groups


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


class _Lists(NamedTuple):
    """A trigram and a dialogue that holds it an item, by trigram."""

    trigrams: _Integers
    holders: _Integers

    def undecided(self, group_of: _Integers, least: int) -> "_Lists":
        """Return the lists of more than `least` dialogues that are not all of one group."""
        if not len(self.holders):
            return self
        starts = np.flatnonzero(np.diff(self.trigrams, prepend=-1))
        sizes = np.diff(np.append(starts, len(self.trigrams)))
        groups = group_of[self.holders]
        mixed = np.minimum.reduceat(groups, starts) != np.maximum.reduceat(groups, starts)
        kept = np.repeat(mixed & (sizes > least), sizes)
        return _Lists(self.trigrams[kept], self.holders[kept])


class _Trigrams(NamedTuple):
    """Each dialogue's trigrams, one after another and the rarest first, and where each dialogue's begin and end."""

    owners: _Integers
    trigrams: _Integers
    bounds: _Integers

    @classmethod
    def of(cls, dialogues: Sequence[str]) -> "_Trigrams":
        owners, trigrams = _trigrams_by_rarity(dialogues)
        return cls(owners, trigrams, np.searchsorted(owners, np.arange(len(dialogues) + 1)))

    def lists(self, jaccard: float, order: _Integers) -> _Lists:
        """Return the dialogues that hold each trigram among their rarest, each list in the order given."""
        sizes = np.diff(self.bounds)
        prefixes = sizes - np.ceil(jaccard * sizes - 1e-9).astype(np.int64) + 1
        kept = np.arange(len(self.owners)) - self.bounds[self.owners] < prefixes[self.owners]
        trigrams, holders = self.trigrams[kept], self.owners[kept]
        by_trigram = np.lexsort((order[holders], trigrams))
        return _Lists(trigrams[by_trigram], holders[by_trigram])

    def candidates(self, lists: _Lists, jaccard: float, least: int, most: int) -> tuple[_Integers, _Integers]:
        """Return the pairs so many places apart in a list and alike in size, `first < second`, sorted."""
        sizes = np.diff(self.bounds)
        found = [np.empty(0, np.int64)]
        for step in range(least, most + 1):
            same = np.flatnonzero(lists.trigrams[:-step] == lists.trigrams[step:])
            if not len(same):
                break
            one, other = lists.holders[same], lists.holders[same + step]
            alike = np.minimum(sizes[one], sizes[other]) >= jaccard * np.maximum(sizes[one], sizes[other])
            first, second = np.minimum(one, other)[alike], np.maximum(one, other)[alike]
            found.append(_distinct(first * len(sizes) + second))
        firsts, seconds = np.divmod(_distinct(np.concatenate(found)), max(len(sizes), 1))
        return firsts, seconds

    def alike(
        self, firsts: _Integers, seconds: _Integers, jaccard: float
    ) -> tuple[_Integers, _Integers, npt.NDArray[np.float64]]:
        """Return those of the pairs, sorted by `firsts`, that have at least this similarity, with it."""
        is_in_first = np.zeros(self.trigrams.max(initial=0) + 1, dtype=np.int64)
        similarities = [np.empty(0)]
        for first, of_first in _runs(firsts):
            own = self.trigrams[self.bounds[first] : self.bounds[first + 1]]
            others = seconds[of_first]
            is_in_first[own] = 1
            theirs = np.concatenate([self.trigrams[self.bounds[other] : self.bounds[other + 1]] for other in others])
            sizes = self.bounds[others + 1] - self.bounds[others]
            shared = np.add.reduceat(is_in_first[theirs], np.cumsum(sizes) - sizes)
            is_in_first[own] = 0
            similarities.append(shared / (len(own) + sizes - shared))
        similarity = np.concatenate(similarities)
        kept = similarity >= jaccard
        return firsts[kept], seconds[kept], similarity[kept]


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
    # Numbered anew after each word, so that no product leaves 64 bits.
    spoken, vocabulary = np.array(words, dtype=np.int64), len(numbers) + 1
    _, pairs = np.unique(spoken[:-2] * vocabulary + spoken[1:-1], return_inverse=True)
    _, trigrams = np.unique(pairs * vocabulary + spoken[2:], return_inverse=True)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    inside = owners[: len(trigrams)] == owners[_SIZE - 1 :]  # and not over the end of a dialogue
    distinct = _distinct(owners[: len(trigrams)][inside] * len(words) + trigrams[inside])
    owners, trigrams = np.divmod(distinct, len(words))
    order = np.argsort(np.bincount(trigrams), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return np.divmod(np.sort(owners * len(words) + rank[trigrams]), len(words))


def _distinct(values: _Integers) -> _Integers:
    # np.unique hashes where it is not asked for more than the values, and takes ten times as long.
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _runs(values: _Integers) -> Iterator[tuple[int, slice]]:
    """Yield each value of a sorted array with the slice that it fills."""
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(values)]):
        yield int(values[start]), slice(start, end)
