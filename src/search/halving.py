"""Which trial goes on: successive halving in which no worker waits for another.

After Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020): a trial that has paused goes on where
it is among the best one in `keep_one_in` of all that were measured at that pause; where none is, a new one begins.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["begun", "finished", "lost", "refused", "failed"]


@dataclass(frozen=True)
class Standing:
    """How far a trial is.

    Attributes:
        number: its number, by which earlier ones come first.
        state: `begun` trials can go on.
        measured: what was found at each pause that it has passed; more is better.
    """

    number: int
    state: State
    measured: Mapping[int, float]

    @property
    def pause(self) -> int:
        """Return the last pause that it has passed; -1 before the first."""
        return max(self.measured, default=-1)


def promotable(trials: Sequence[Standing], pauses: int, keep_one_in: int, free: Collection[int]) -> int | None:
    """Return the number of the trial that goes on, the farthest first; None where none is good enough yet.

    `free` are those that no worker has. Trial 0, the config as it is, always goes on.
    """
    by_number = {trial.number: trial for trial in trials}
    if 0 in free and by_number[0].state == "begun":
        return 0
    for pause in range(pauses - 1, -1, -1):
        there = ranked(trials, pause)
        good = there[: len(there) // keep_one_in]
        for trial in good:
            if trial.state == "begun" and trial.pause == pause and trial.number in free:
                return trial.number
    return None


def ranked(trials: Sequence[Standing], pause: int) -> list[Standing]:
    """Return the trials that were measured at a pause, the best first."""
    there = [trial for trial in trials if pause in trial.measured]
    return sorted(there, key=lambda trial: (-_number(trial.measured[pause]), trial.number))


def by_promise(trials: Sequence[Standing], free: Collection[int]) -> list[int]:
    """Return the trials that could go on, the most promising first: the farthest, of these the best."""
    waiting = [trial for trial in trials if trial.state == "begun" and trial.number in free and trial.measured]
    order = sorted(waiting, key=lambda t: (-t.pause, -_number(t.measured[t.pause]), t.number))
    return [trial.number for trial in order]


def _number(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
