"""chrF: the F-score of shared character n-grams, for a whole set of summaries, equal to sacrebleu's.

Formula: Popović, "chrF: character n-gram F-score for automatic MT evaluation", 2015. As in sacrebleu's default (chrF2),
n runs from 1 to 6, white space does not count, letter case does, and recall weighs twice as much as precision.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .rouge import Multi
from .significance import Array

Indices: TypeAlias = npt.NDArray[np.int64]

ORDERS = 6
BETA = 2


def chrf_statistics(predictions: Sequence[str], references: Sequence[Sequence[str]], multi: Multi = "best") -> Array:
    """Return, a row a dialogue, the n-grams of prediction, of reference and in both, for n = 1 to 6 (18 columns).

    `references` holds a list of texts a dialogue. With `multi` `best` a dialogue counts against the reference that
    suits it best, as in sacrebleu; with `mean` against each of them in equal shares.
    Rows can be added up or averaged over any choice of dialogues before `chrf_score` makes one figure of them.
    """
    sizes = np.array([len(its) for its in references])
    texts = [text for its in references for text in its]
    pairs = _pair_statistics(np.repeat(np.arange(len(predictions)), sizes), predictions, texts)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    if multi == "mean":
        return np.asarray(np.add.reduceat(pairs, starts) / sizes[:, None])
    scores = chrf_score(pairs)
    best = [start + int(scores[start : start + size].argmax()) for start, size in zip(starts, sizes, strict=True)]
    return pairs[best]


def chrf_score(statistics: Array) -> Array:
    """Return chrF (0 to 100) of each row of statistics (the last axis holds the 18 columns).

    Precision and recall are averaged over the orders for which both sides have n-grams, as sacrebleu does.
    """
    counts = statistics.reshape(*statistics.shape[:-1], ORDERS, 3)
    ours, theirs, common = counts[..., 0], counts[..., 1], counts[..., 2]
    counted = (ours > 0) & (theirs > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = (np.where(counted, common, 0) / np.where(counted, ours, 1)).sum(axis=-1) / orders
    recall = (np.where(counted, common, 0) / np.where(counted, theirs, 1)).sum(axis=-1) / orders
    weighted = BETA**2 * precision + recall
    # In sacrebleu's order of operations: of references that are equally good, rounding decides which is the best.
    return np.asarray(100 * ((1 + BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1)))


def _pair_statistics(ours: Indices, predictions: Sequence[str], theirs: Sequence[str]) -> Array:
    """Return the statistics of the pairs `predictions[ours[i]]`, `theirs[i]`.

    The n-grams of all texts are numbered, then each text becomes a sorted list of (number, count): what two texts share
    is found for all pairs by one binary search.
    """
    numbered = {text: number for number, text in enumerate(dict.fromkeys([*predictions, *theirs]))}
    one = np.array([numbered[text] for text in predictions], dtype=np.int64)[ours]
    other = np.array([numbered[text] for text in theirs], dtype=np.int64)
    columns = []
    for keys, counts, starts, kinds in _ngram_counts(list(numbered)):
        totals = np.add.reduceat(np.append(counts, 0), starts[:-1]) * (np.diff(starts) > 0)
        sizes = np.diff(starts)[one]
        pair = np.repeat(np.arange(len(one)), sizes)
        # Position of every n-gram of each pair's prediction in `keys`, and the key it would have in the reference.
        entry = np.arange(sizes.sum()) + np.repeat(starts[one] - (np.cumsum(sizes) - sizes), sizes)
        wanted = keys[entry] + (other[pair] - one[pair]) * kinds
        found = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        shared = np.where(keys[found] == wanted, np.minimum(counts[found], counts[entry]), 0)
        common = np.bincount(pair, weights=shared, minlength=len(one))
        # As sacrebleu has it: where the reference has no n-gram of this order, the prediction's do not count.
        columns += [totals[one] * (totals[other] > 0), totals[other], common]
    return np.stack(columns, axis=1).astype(np.float64)


def _ngram_counts(texts: Sequence[str]) -> list[tuple[Indices, Indices, Indices, int]]:
    """Return for n = 1 to 6 the n-grams of each text: sorted keys (text x kinds + number), counts, starts, kinds.

    `starts` has one entry more than there are texts; `kinds` is the number of different n-grams.
    """
    bare = ["".join(text.split()) for text in texts]
    lengths = np.array([len(text) for text in bare], dtype=np.int64)
    characters = np.frombuffer("".join(bare).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    text_of = np.repeat(np.arange(len(texts)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(characters))  # characters up to the text's end
    letters = np.unique(characters, return_inverse=True)[1].astype(np.int64)
    letter_kinds = int(letters.max(initial=0)) + 1

    result = []
    positions, numbers = np.arange(len(characters)), letters
    for n in range(1, ORDERS + 1):
        if n > 1:
            kept = left[positions] >= n
            positions = positions[kept]
            longer = numbers[kept] * letter_kinds + letters[positions + n - 1]
            numbers = np.unique(longer, return_inverse=True)[1].astype(np.int64)
        kinds = int(numbers.max(initial=0)) + 1
        keys, counts = np.unique(text_of[positions] * kinds + numbers, return_counts=True)
        starts = np.searchsorted(keys, np.arange(len(texts) + 1) * kinds)
        result.append((keys, counts, starts, kinds))
    return result
