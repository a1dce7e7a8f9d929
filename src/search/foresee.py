"""How many trials fit into some hours, before any of them runs."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import optuna

from ..config.loader import changed_config
from ..config.schema import Config
from ..errors import YoyakError
from .costs import Machine, RefineUnits, Units
from .held import AdditionCosts
from .pace import Pace
from .space import Space, decoded

_DRAWS = 16  # places of the space that stand for all


@dataclass(frozen=True)
class Foreseen:
    """What a search would come to.

    Attributes:
        trials: that would begin, the config as it is among them.
        to_the_end: how many of them would be trained to their end.
        first_seconds: of the config as it is.
        drawn_seconds: of a drawn trial to its end, in the mean.
        end_seconds: of the winner's score on dialogues that are set aside.
        held_seconds: for what is added to the winner.
        least_seconds: the shortest deadline that allows a trial.
        refused_share: of what would be drawn, what memory would not hold, or the settings exclude.
    """

    trials: int
    to_the_end: int
    first_seconds: float
    drawn_seconds: float
    end_seconds: float
    held_seconds: float
    least_seconds: float
    refused_share: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def foresee(
    config: Config, machine: Machine, space: Space, seconds: float, dialogues: tuple[int, int] | None = None
) -> Foreseen:
    """Return what a search of so many seconds would come to, by the planner's seconds alone.

    `dialogues` are how many are chosen on and reported on; None where the files are not here: then those of `data.test`
    count as many as those of `data.eval`.

    Each pause lets one trial in `search.keep_one_in` go on, so a drawn trial takes its first part, a share of its
    second, and so on.
    """
    search, pace = config.search, Pace()
    rows = len(machine.dev.first(config.data.max_eval_examples))
    if dialogues is not None:
        dev, held = dialogues
    elif config.data.test is not None:
        dev = held = rows
    else:
        held = max(1, round(rows * search.set_aside))
        dev = max(1, rows - held)
    machine = replace(machine, train=machine.train.first(config.data.max_train_examples), dev=machine.dev.first(dev))
    machine = replace(machine, losses=machine.loss_dialogues(config, space))
    first = machine.units(config)
    units, refused = _drawn(config, machine, space)
    end = 1.0 + 2 * (pace.begin + held * pace.summary(first))
    added = AdditionCosts(config, pace, first, _refining(config, machine), dev, held).held(seconds)
    begun, ended, left = 0, 0.0, seconds - end
    losses = len(search.pauses)
    first_seconds = pace.seconds(first, dev, losses)
    if first_seconds <= left:
        begun, ended, left = 1, 1.0, left - first_seconds - added
        costs = [_expected(one, search.pauses, search.keep_one_in, dev, pace) for one in units]
        most = search.trials or math.inf
        while costs and begun < most and costs[(begun - 1) % len(costs)] <= left:
            left -= costs[(begun - 1) % len(costs)]
            begun += 1
            ended += search.keep_one_in ** -len(search.pauses)
    return Foreseen(
        trials=begun,
        to_the_end=int(ended),
        first_seconds=first_seconds,
        drawn_seconds=sum(pace.seconds(one, dev, losses) for one in units) / len(units) if units else 0.0,
        end_seconds=end,
        held_seconds=added,
        least_seconds=first_seconds + end,
        refused_share=refused / _DRAWS,
    )


def _drawn(config: Config, machine: Machine, space: Space) -> tuple[list[Units], int]:
    """Return the work of places drawn at random, and how many can't be trained."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=config.search.seed))
    units: list[Units] = []
    for _ in range(_DRAWS):
        try:
            one = machine.units(changed_config(config, decoded(study.ask(space).params), "search.space"))
        except YoyakError:
            continue
        units += [one] if one.fits else []
    return units, _DRAWS - len(units)


def _refining(config: Config, machine: Machine) -> RefineUnits | None:
    try:
        return machine.refining(config)
    except YoyakError:
        return None


def _expected(units: Units, pauses: list[float], keep_one_in: int, dev: int, pace: Pace) -> float:
    """Return the seconds that a drawn trial takes in the mean."""
    total, before = 0.0, 0
    for place, share in enumerate([*pauses, 1.0]):
        until = round(share * units.steps)
        summaries = dev if place == len(pauses) else 0
        total += pace.seconds(units, summaries, int(place < len(pauses)), 1, before, until) / keep_one_in**place
        before = until
    return total
