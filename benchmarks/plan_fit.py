"""Fit the planner's constants of time to measured cases that are not held out; see `plan_accuracy.py fit`."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from plan_cases import Case

from src.planner.constants import TIME, TimeConstants
from src.planner.devices import find_device
from src.planner.duration import step_time
from src.planner.fastest import Choice

FITTED = (
    "product_share",
    "product_half",
    "attention_share",
    "adapter_share",
    "pass_share",
    "packed_passes",
    "trainer_passes",
    "packed_layer",
    "launch",
    "step",
)
_HOLD = 0.01  # weight of staying near the start, so that what the cases don't tell stays as it is
_FACTORS = (1.3, 1.1, 1.03, 1.01)


def fit(lines: Sequence[tuple[Case, dict[str, Any]]]) -> None:
    """Print the constants that fit best, and the errors with them."""
    known = [(case.predicted(), statistics.median(line["step_seconds"])) for case, line in lines if not case.held_out]
    found = fitted(known)
    values = {name: float(f"{getattr(found, name):.3g}") for name in FITTED}
    errors = [_seconds(choice, found) / seconds - 1 for choice, seconds in known]
    worst, middle = max(map(abs, errors)), statistics.median(map(abs, errors))
    print(json.dumps({"time": values, "cases": len(known), "worst": round(worst, 3), "median": round(middle, 3)}))


def fitted(known: Sequence[tuple[Choice, float]]) -> TimeConstants:
    """Return the constants with the least squared logarithmic errors, one changed at a time by smaller and smaller
    factors.
    """
    best, least = TIME, _loss(known, TIME)
    for factor in _FACTORS:
        better = True
        while better:
            better = False
            for name in FITTED:
                for by in (factor, 1 / factor):
                    value = getattr(best, name) * by
                    if name.endswith("share") and value > 1:
                        continue
                    other = replace(best, **{name: value})
                    loss = _loss(known, other)
                    if loss < least - 1e-9:
                        best, least, better = other, loss, True
    return best


def _loss(known: Sequence[tuple[Choice, float]], constants: TimeConstants) -> float:
    start = asdict(TIME)
    moved = sum(math.log(getattr(constants, name) / start[name]) ** 2 for name in FITTED)
    return sum(math.log(_seconds(c, constants) / seconds) ** 2 for c, seconds in known) + _HOLD * moved


def _seconds(choice: Choice, constants: TimeConstants) -> float:
    return step_time(choice.job, find_device("H100"), choice.work, choice.how, constants).seconds
