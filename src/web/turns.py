"""Whether a new run can begin beside those that are under way, or has to wait for its turn."""

import json
from dataclasses import dataclass, replace

from ..bilingual import Text
from ..config.schema import Config
from ..errors import YoyakError
from ..planner.plan import Plan
from ..runs.record import read_record
from .planning import RunWish, planned, planned_again
from .studio import Studio
from .under_way import runs_under_way
from .waiting import refuse_waiting_name

WHEN_FREE = "free"
"""What a form says (`when`) to start a run when the GPU is free."""


@dataclass(frozen=True)
class Turn:
    """What a new run would meet.

    Attributes:
        under_way: the runs that a process of this machine works on.
        waiting: how many wait before it.
        fits_beside: whether the plans of all are within this machine's memory; False too where one has no plan.
        all_bytes: of the plans together, where all have one.
        limit_bytes: this machine's memory.
    """

    under_way: tuple[str, ...]
    waiting: int
    fits_beside: bool = False
    all_bytes: int | None = None
    limit_bytes: int = 0

    @property
    def sentence(self) -> Text | None:
        """Return what is under way and whether both fit; None where nothing is."""
        if not self.under_way:
            return None
        names = ", ".join(self.under_way)
        if self.all_bytes is None:
            return Text(
                f"{names} is under way, and whether both fit can't be planned: this run waits.",
                f"{names}: 진행 중입니다. 함께 들어가는지 예측할 수 없어 이 실행은 차례를 기다립니다.",
            )
        memory = f"{self.all_bytes / 1e9:.1f} / {self.limit_bytes / 1e9:.1f} GB"
        if self.fits_beside:
            return Text(
                f"{names} is under way. Both fit ({memory}), and slow each other down.",
                f"{names}: 진행 중입니다. 함께 들어가지만({memory}) 서로 느려집니다.",
            )
        return Text(
            f"{names} is under way, and both don't fit ({memory}): this run waits.",
            f"{names}: 진행 중입니다. 함께 들어가지 않아({memory}) 이 실행은 차례를 기다립니다.",
        )


def turn_of(studio: Studio, wish: RunWish, config: Config, plan: Plan | None = None) -> Turn:
    """Return what a run would meet if it began now; `plan` is its plan for the card of `wish`, where it is made."""
    under_way = tuple(runs_under_way(studio.place, studio.processes))
    turn = Turn(under_way, len(studio.waiting.all()))
    if not under_way:
        return turn
    try:
        own = plan if plan and wish == wish.here else planned(wish.here, config)
        others = [_bytes_of(studio, name) for name in under_way]
    except YoyakError:
        return turn
    if None in others:
        return turn
    whole = own.choice.memory.device_bytes + sum(filter(None, others))
    fits = own.fits and whole <= own.limit_bytes
    return replace(turn, fits_beside=fits, all_bytes=whole, limit_bytes=own.limit_bytes)


def _bytes_of(studio: Studio, name: str) -> int | None:
    """Return the memory that a run under way is planned to take; None where that isn't known.

    Raises:
        YoyakError: no plan can be made.
    """
    record = read_record(studio.place.runs / name)
    if record is None or "train" not in (record.command or "").split()[1:2]:
        return None  # it has just begun, or refines, for which other figures hold
    key = (name, record.started, json.dumps(record.config))
    if key not in _planned_bytes:
        try:
            config = Config.model_validate(record.config)
        except ValueError:
            return None
        _planned_bytes.clear()  # of runs that have ended
        _planned_bytes[key] = planned_again(config).choice.memory.device_bytes
    return _planned_bytes[key]


_planned_bytes: dict[tuple[str, str | None, str], int] = {}


def start_or_wait(studio: Studio, wish: RunWish, config: Config, waits: bool, who: str) -> None:
    """Start a run, or put it into the queue for someone.

    Raises:
        YoyakError: it would begin beside another that it doesn't fit with, or one of its name waits.
    """
    name = config.experiment.name
    if waits:
        studio.waiting.add(name, wish.words, who)
        return
    refuse_waiting_name(studio.waiting.all(), studio.place, name)
    turn = turn_of(studio, wish, config)
    if turn.under_way and not turn.fits_beside and turn.sentence is not None:
        raise YoyakError(turn.sentence)
    studio.processes.start("train", name, wish.words)


def refuse_beside_others(studio: Studio) -> None:
    """Raise YoyakError where something is under way: a refining and a search begin when nothing else is."""
    if under_way := runs_under_way(studio.place, studio.processes):
        raise YoyakError(f"{', '.join(under_way)}: under way; start this when it has ended")
