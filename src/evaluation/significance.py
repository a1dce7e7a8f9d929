"""How sure a score is: intervals over dialogues, a paired test of two systems, and what chance alone scores."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import YoyakError
from .rouge import RougeScores, list_references, score_summaries
from .tokenizations import Tokenization

Array: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = Sequence[float] | Array

_DRAWS_AT_ONCE = 2**20  # numbers drawn at a time: some 16 MB, whatever the number of samples
_TIE = 1e-9  # scores this close are equal: they come from the same counts in another order


@dataclass(frozen=True)
class PairedDifference:
    """The mean of a - b over the same dialogues, its interval, and whether chance explains it."""

    difference: float
    low: float
    high: float
    p_value: float
    wins: int
    ties: int
    losses: int
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Return the figures, ready for JSON."""
        return asdict(self)


def bootstrap_interval(
    values: Values, samples: int = 10_000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval (low, high) of the mean by the percentile bootstrap over dialogues.

    The dialogues are drawn with replacement `samples` times (Efron & Tibshirani, "An Introduction to the Bootstrap",
    1993, chapter 13). Same arguments, same interval.

    Raises:
        YoyakError: no values, a value that is no finite number, or `samples` or `level` out of range.
    """
    array = _checked(values, samples, level)
    random = np.random.default_rng(seed)
    means = np.concatenate(
        [
            array[random.integers(0, len(array), (rows, len(array)))].mean(axis=1)
            for rows in _chunks(samples, len(array))
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_difference(
    a: Values, b: Values, samples: int = 10_000, seed: int = 0, level: float = 0.95
) -> PairedDifference:
    """Compare two systems' scores on the same dialogues, in the same order; positive differences favour `a`.

    The interval is the bootstrap's over the differences. The p-value is two-sided, from a randomization test: were the
    systems alike, each difference could as well have the other sign. It is (1 + r) / (1 + samples), r being the number
    of random signings whose mean is at least as far from 0 (Phipson & Smyth, "Permutation P-values Should Never Be
    Zero", 2010), so it is never below 1 / (1 + samples).

    Raises:
        YoyakError: the lengths differ, no values, a value that is no finite number, or an argument out of range.
    """
    if len(a) != len(b):
        raise YoyakError(f"{len(a)} scores against {len(b)}; compare two systems on the same dialogues")
    differences = _checked(a, samples, level) - _checked(b, samples, level)
    low, high = bootstrap_interval(differences, samples, seed, level)
    wins, losses = int((differences > _TIE).sum()), int((differences < -_TIE).sum())
    return PairedDifference(
        float(differences.mean()),
        low,
        high,
        _sign_flip_p_value(differences, samples, seed),
        wins,
        len(differences) - wins - losses,
        losses,
        len(differences),
    )


def chance_floor(
    predictions: Sequence[str],
    references: Sequence[str | Sequence[str]],
    tokenization: Tokenization = "word",
    stemmer: bool = False,
    seed: int = 0,
    derangements: int = 5,
) -> RougeScores:
    """Score every prediction against other dialogues' references: what these summaries get without reading theirs.

    Each of the `derangements` shifts all references along one random cycle through the dialogues, so no prediction
    meets its own. A dialogue's score is the mean over them (and over the references of those it meets).

    Raises:
        YoyakError: fewer than two dialogues, `derangements` below 1, or as in `score_summaries`.
    """
    listed = list_references(predictions, references)
    if len(listed) < 2:
        raise YoyakError("the chance floor needs the references of other dialogues; give at least 2 dialogues")
    if derangements < 1:
        raise YoyakError(f"derangements is {derangements}; give at least 1")
    random = np.random.default_rng(seed)
    foreign: list[list[str]] = [[] for _ in listed]
    for _ in range(derangements):
        cycle = random.permutation(len(listed))
        for dialogue, donor in zip(cycle, np.roll(cycle, 1), strict=True):
            foreign[dialogue] += listed[donor]
    return score_summaries(predictions, foreign, tokenization, stemmer, multi="mean")


def _sign_flip_p_value(differences: Array, samples: int, seed: int) -> float:
    """Return the two-sided p-value of the paired randomization test."""
    random = np.random.default_rng((seed, 1))  # apart from the bootstrap's draws
    total = differences.sum()
    extreme = 0
    for rows in _chunks(samples, len(differences)):
        kept = random.integers(0, 2, (rows, len(differences)), dtype=np.int8)
        sums = 2 * (kept @ differences) - total
        extreme += int((np.abs(sums) >= abs(total) - _TIE).sum())
    return (1 + extreme) / (1 + samples)


def _chunks(samples: int, n: int) -> Iterator[int]:
    """Split `samples` rows of `n` draws into chunks that bound the memory."""
    rows = max(1, _DRAWS_AT_ONCE // n)
    for done in range(0, samples, rows):
        yield min(rows, samples - done)


def _checked(values: Values, samples: int, level: float) -> Array:
    """Return the values as an array after checking every argument."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise YoyakError("no scores to resample; give one number a dialogue")
    if not np.isfinite(array).all():
        raise YoyakError(f"score of dialogue {int(np.argmin(np.isfinite(array))) + 1} is not a finite number")
    if samples < 1:
        raise YoyakError(f"samples is {samples}; give at least 1")
    if not 0 < level < 1:
        raise YoyakError(f"level is {level}; give a share between 0 and 1, such as 0.95")
    return array
