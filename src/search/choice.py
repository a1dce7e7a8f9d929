"""The winner: the best score, or the cheapest trial that can't be told from it and is not below the config as it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.significance import PairedDifference, paired_difference


@dataclass(frozen=True)
class Finished:
    """A finished trial: its score of each dialogue, what it costs in seconds as foreseen, and its facts."""

    number: int
    scores: Sequence[float]
    cost_seconds: float
    unsupported_facts: float = 0.0

    @property
    def score(self) -> float:
        """Return the mean score."""
        return float(np.mean(self.scores))


@dataclass(frozen=True)
class WinnerChoice:
    """Which trial was taken.

    Attributes:
        best: the number of that with the highest score.
        equal: those that can't be told from it, itself among them, the cheapest first.
        chosen: the first of them whose score is not below that of the config as it is.
        gain: of the chosen one over the config as it is, where that has finished.
    """

    best: int
    equal: list[int]
    chosen: int
    gain: PairedDifference | None


def choose(
    finished: Sequence[Finished],
    most_unsupported_facts: float | None = None,
    errors: float = 1.0,
    elsewhere: float | None = None,
) -> WinnerChoice:
    """Choose among finished trials, of which there is at least one.

    Two are equal where the mean of the differences between their dialogues' scores is within so many standard errors of
    that mean; with one it is the one-standard-error rule, by which the simplest of equals is taken (Breiman et al.,
    "Classification and Regression Trees", 1984, section 3.4.3), with 0 the best one is. One that scores below the
    config as it is (trial 0) is not taken, however cheap: of few dialogues nearly all trials are equal, and whoever has
    that config would gain nothing. Trials with more unsupported facts than allowed, trial 0 too, are taken only where
    all have more, and then that with the fewest. Of a trial 0 that is not among them the score may be known from
    `elsewhere`.
    """
    allowed = [t for t in finished if most_unsupported_facts is None or t.unsupported_facts <= most_unsupported_facts]
    if not allowed:
        allowed = [min(finished, key=lambda trial: (trial.unsupported_facts, -trial.score, trial.number))]
    best = max(allowed, key=lambda trial: (trial.score, -trial.cost_seconds, -trial.number))
    equal = [trial for trial in allowed if trial is best or _within(errors, best, trial)]
    equal.sort(key=lambda trial: (trial.cost_seconds, -trial.score, trial.number))
    as_it_is = next((trial for trial in finished if trial.number == 0), None)
    least = elsewhere if as_it_is is None else as_it_is.score if as_it_is in allowed else None
    chosen = next((trial for trial in equal if least is None or trial.score >= least), best)
    gain = paired_difference(chosen.scores, as_it_is.scores) if as_it_is else None
    return WinnerChoice(best.number, [trial.number for trial in equal], chosen.number, gain)


def stands_out(scores: Sequence[float], before: Sequence[float]) -> bool:
    """Tell whether scores of the same dialogues are higher than before by more than the standard error."""
    return not _within(1.0, Finished(1, scores, 0.0), Finished(0, before, 0.0))


def _within(errors: float, best: Finished, other: Finished) -> bool:
    differences = np.asarray(best.scores) - np.asarray(other.scores)
    if len(differences) < 2:
        return bool(differences.mean() <= 0)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(differences.mean() <= errors * error)
