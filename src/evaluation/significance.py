"""How sure a score is: intervals over dialogues, a paired test of two systems, and what chance alone scores."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import YoyakError

Array: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = Sequence[float] | Array
Score: TypeAlias = Callable[[Array], Array]
"""From the mean statistics of some dialogues, (rows, columns), to their scores, (rows, metrics)."""

SAMPLES = 10_000
LEVEL = 0.95
DERANGEMENTS = 5

_DRAWS_AT_ONCE = 2**20  # numbers drawn at a time: some 16 MB, whatever the number of samples
_TIE = 1e-9  # scores this close are equal: they come from the same counts in another order


@dataclass(frozen=True)
class Estimate:
    """A score and its interval over dialogues."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the figures as `41.32 (40.11 to 42.50)`."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


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
    values: Values, samples: int = SAMPLES, seed: int = 0, level: float = LEVEL
) -> tuple[float, float]:
    """Return the interval (low, high) of the mean by the percentile bootstrap over dialogues.

    The dialogues are drawn with replacement `samples` times (Efron & Tibshirani, "An Introduction to the Bootstrap",
    1993, chapter 13). Same arguments, same interval.

    Raises:
        YoyakError: no values, a value that is no finite number, or `samples` or `level` out of range.
    """
    (estimate,) = estimate_scores(_column(values), _mean, samples, seed, level)
    return estimate.low, estimate.high


def estimate_scores(
    statistics: Array, score: Score, samples: int = SAMPLES, seed: int = 0, level: float = LEVEL
) -> list[Estimate]:
    """Return value and bootstrap interval of every score that `score` makes of the dialogues' mean statistics.

    `statistics` holds a row a dialogue. A score need not be a mean over dialogues: chrF is made of summed counts.
    """
    _check(statistics, samples, level)
    values = score(statistics.mean(axis=0, keepdims=True))[0]
    lows, highs = _interval(score(_bootstrap_means(statistics, samples, seed)), level)
    return [Estimate(float(v), float(low), float(high)) for v, low, high in zip(values, lows, highs, strict=True)]


def paired_difference(
    a: Values, b: Values, samples: int = SAMPLES, seed: int = 0, level: float = LEVEL
) -> PairedDifference:
    """Compare two systems' scores on the same dialogues, in the same order; positive differences favour `a`.

    The interval is the bootstrap's over the differences; the p-value is that of `paired_differences`.

    Raises:
        YoyakError: the lengths differ, no values, a value that is no finite number, or an argument out of range.
    """
    if len(a) != len(b):
        raise YoyakError(f"{len(a)} scores against {len(b)}; compare two systems on the same dialogues")
    return paired_differences(_column(a), _column(b), _mean, samples, seed, level)[0]


def paired_differences(
    a: Array, b: Array, score: Score, samples: int = SAMPLES, seed: int = 0, level: float = LEVEL
) -> list[PairedDifference]:
    """Compare two systems by every score that `score` makes of their statistics, a row a dialogue in the same order.

    The p-value is two-sided, from a randomization test: if the systems were equal, swapping their summaries would
    change nothing. It is (1 + r) / (1 + samples), r being the number of random swaps after which the scores are at
    least as far apart (Phipson & Smyth, "Permutation P-values Should Never Be Zero", 2010), so it is never below
    1 / (1 + samples). Wins, ties and losses compare the scores of single dialogues.
    """
    _check(a, samples, level)
    _check(b, samples, level)
    columns, n = a.shape[1], len(a)
    observed = (score(a.mean(axis=0, keepdims=True)) - score(b.mean(axis=0, keepdims=True)))[0]
    means = _bootstrap_means(np.hstack([a, b]), samples, seed)
    lows, highs = _interval(score(means[:, :columns]) - score(means[:, columns:]), level)
    p_values = _swap_p_values(a, b, score, observed, samples, seed)
    single = score(a) - score(b)
    wins, losses = (single > _TIE).sum(axis=0).tolist(), (single < -_TIE).sum(axis=0).tolist()
    figures = (observed.tolist(), lows.tolist(), highs.tolist(), p_values.tolist())
    return [
        PairedDifference(difference, low, high, p_value, won, n - won - lost, lost, n)
        for difference, low, high, p_value, won, lost in zip(*figures, wins, losses, strict=True)
    ]


def foreign_references(
    references: Sequence[Sequence[str]], seed: int = 0, derangements: int = DERANGEMENTS
) -> list[list[Sequence[str]]]:
    """Return for each dialogue the references of `derangements` other ones, which its summary gets by chance.

    Each derangement shifts all references along one random cycle through the dialogues, so that none stays at home.

    Raises:
        YoyakError: fewer than two dialogues, or `derangements` below 1.
    """
    if len(references) < 2:
        raise YoyakError("the chance floor needs the references of other dialogues; give at least 2 dialogues")
    if derangements < 1:
        raise YoyakError(f"derangements is {derangements}; give at least 1")
    random = np.random.default_rng(seed)
    foreign: list[list[Sequence[str]]] = [[] for _ in references]
    for _ in range(derangements):
        cycle = random.permutation(len(references))
        for dialogue, donor in zip(cycle, np.roll(cycle, 1), strict=True):
            foreign[dialogue].append(references[donor])
    return foreign


def _bootstrap_means(statistics: Array, samples: int, seed: int) -> Array:
    """Return the mean row of `samples` draws with replacement: how often each dialogue is drawn, times its row."""
    random = np.random.default_rng(seed)
    n = len(statistics)
    means = []
    for rows in _chunks(samples, n):
        drawn = random.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        means.append(times.astype(np.float64) @ statistics / n)
    return np.concatenate(means)


def _swap_p_values(a: Array, b: Array, score: Score, observed: Array, samples: int, seed: int) -> Array:
    """Return the two-sided p-value of each score's difference by the paired randomization test."""
    random = np.random.default_rng((seed, 1))  # apart from the bootstrap's draws
    n, both, gain = len(a), (a + b).mean(axis=0), (a - b) / len(a)
    extreme = np.zeros(len(observed))
    for rows in _chunks(samples, n):
        kept = random.integers(0, 2, (rows, n), dtype=np.int8).astype(np.float64)
        one = kept @ gain + b.mean(axis=0)
        swapped = score(one) - score(both - one)
        extreme += (np.abs(swapped) >= np.abs(observed) - _TIE).sum(axis=0)
    return (1 + extreme) / (1 + samples)


def _interval(values: Array, level: float) -> Array:
    """Return the lower and the upper bound of each column."""
    return np.asarray(np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0))


def _chunks(samples: int, n: int) -> Iterator[int]:
    """Split `samples` rows of `n` draws into chunks that bound the memory."""
    rows = max(1, _DRAWS_AT_ONCE // n)
    for done in range(0, samples, rows):
        yield min(rows, samples - done)


def _mean(statistics: Array) -> Array:
    """Return the scores where the statistics are the scores themselves."""
    return statistics


def _column(values: Values) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise YoyakError("no scores to resample; give one number a dialogue")
    return array[:, None]


def _check(statistics: Array, samples: int, level: float) -> None:
    finite = np.isfinite(statistics).all(axis=1)
    if not finite.all():
        raise YoyakError(f"score of dialogue {int(np.argmin(finite)) + 1} is not a finite number")
    if samples < 1:
        raise YoyakError(f"samples is {samples}; give at least 1")
    if not 0 < level < 1:
        raise YoyakError(f"level is {level}; give a share between 0 and 1, such as 0.95")
