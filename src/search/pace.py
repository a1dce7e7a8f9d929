"""The pace of a machine: the planner's seconds of a trial's parts, corrected by what earlier parts took.

Each kind of work is fitted by itself, by least squares of relative errors in which newer parts weigh more, for a
machine may get busier: training has seconds of its own in each part (the first step, the checkpoint) besides those of
its steps, and a summary's prompt and its tokens keep a pace each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .costs import RefineUnits, Spent, Units

_GUESSED_BEGIN = 4.0  # seconds to load a model, before any was measured
_NEWER = 0.85  # weight of a part against the next one
_PRIOR = 0.05  # how much one coefficient for both kinds counts beside what was measured, in parts


@dataclass(frozen=True)
class Pace:
    """How long this machine takes, from the parts of trials that have run; the planner's word where none has.

    Attributes:
        begin: seconds of a part that are no work of the model: loading, saving.
        part: further seconds of training in each part, whatever its steps.
        step: of a planned second of steps, in measured ones.
        evaluation: of one of the evaluation loss.
        prompt: of one of the summaries' prompts.
        token: of one of their tokens.
        tokens: of a summary, in those that the planner counts.
        measured: whether anything was.
    """

    begin: float = _GUESSED_BEGIN
    part: float = 0.0
    step: float = 1.0
    evaluation: float = 1.0
    prompt: float = 1.0
    token: float = 1.0
    tokens: float = 1.0
    measured: bool = False

    def seconds(
        self, units: Units, summaries: int, losses: int = 0, begins: int = 1, done: int = 0, until: int | None = None
    ) -> float:
        """Return the seconds of a trial from step `done` to its end, or to step `until`.

        On the way it is loaded `begins` times, writes `summaries`, and its loss is measured at `losses` pauses.
        """
        share = ((units.steps if until is None else until) - done) / units.steps
        evaluated = units.evaluations * share + losses
        trained = begins * self.part + units.steps * share * units.step * self.step
        summarized = summaries * self.summary(units)
        return begins * self.begin + trained + evaluated * units.evaluation * self.evaluation + summarized

    def summary(self, units: Units, work: float = 1.0) -> float:
        """Return the seconds of a summary, each of whose tokens takes so many times the work of a greedy one's."""
        return units.prompt * self.prompt + work * units.token * units.tokens * self.tokens * self.token

    def refine_step(self, units: RefineUnits) -> float:
        """Return the seconds of a step of refining: it draws, mostly tokens, and trains."""
        return units.drawing * self.token * self.tokens + units.update * self.step + units.rewards


def pace_of(parts: Sequence[tuple[Units, Spent]]) -> Pace:
    """Return the pace of parts of trials, given in the order in which they ran."""
    known = [(units, spent) for units, spent in parts if spent.begins]
    if not known:
        return Pace()
    age = np.power(_NEWER, np.arange(len(known))[::-1], dtype=np.float64)
    later = slice(1, None) if len(known) > 1 else slice(None)  # the first one loads what all need, too
    begins = np.array([spent.begin / spent.begins for _, spent in known])
    train = _fitted([(1.0, s.steps * u.step, s.train) for u, s in known], age, fixed=True)
    losses = _fitted([(0.0, s.evaluations * u.evaluation, s.evaluate) for u, s in known], age)
    made = [(s.summaries * u.prompt, s.tokens * u.token, s.summarize) for u, s in known]
    summaries = _fitted(made, age)
    written = float(np.dot(age, [s.tokens for _, s in known]))
    expected = float(np.dot(age, [s.summaries * u.tokens for u, s in known]))
    return Pace(
        begin=float(np.average(begins[later], weights=age[later])),
        part=train[0],
        step=train[1],
        evaluation=losses[1],
        prompt=summaries[0],
        token=summaries[1],
        tokens=written / expected if written and expected else 1.0,
        measured=True,
    )


def _fitted(
    rows: Sequence[tuple[float, float, float]], weights: npt.NDArray[np.float64], fixed: bool = False
) -> tuple[float, float]:
    """Return how many seconds one of each of two amounts takes, from rows of both amounts and the seconds of the two.

    Both are held near one figure for all, or where the first is `fixed`, a 1 in each row, that near 0; 1 without rows.
    """
    usable = [(*row, weight) for row, weight in zip(rows, weights, strict=True) if row[1] > 0 and row[2] > 0]
    if not usable:
        return 0.0 if fixed else 1.0, 1.0
    first, second, seconds, weight = np.array(usable).T
    alone = 1 / float(np.average((second if fixed else first + second) / seconds, weights=weight))
    near = np.array([0.0 if fixed else alone, alone])
    shares = np.stack([first, second], axis=1) / seconds[:, None]  # of 1, the relative seconds
    size = np.average(shares, axis=0, weights=weight)
    if size.min() <= 0:
        return float(near[0]), alone
    x = shares / size
    weighted = (x * weight[:, None]).T
    off = np.linalg.solve(weighted @ x + _PRIOR * np.eye(2), weighted @ (1 - shares @ near))
    fitted = near + off / size
    return (float(fitted[0]), float(fitted[1])) if fitted.min() >= 0 else (float(near[0]), alone)
