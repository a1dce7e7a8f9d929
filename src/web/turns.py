"""Whether a new run can begin beside those that are under way, or has to wait for its turn."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..bilingual import Text
from ..config.schema import Config
from ..errors import YoyakError
from ..planner.plan import Plan
from ..planner.refining import RefinePlan
from ..runs.record import read_record
from ..runs.schema import RunRecord
from .planning import RunWish, config_of_record, planned, planned_again
from .studio import Studio
from .under_way import runs_under_way
from .waiting import WaitingRun, refuse_waiting_name


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


def turn_of(studio: Studio, plan: Callable[[], Plan | RefinePlan] | None) -> Turn:
    """Return what a run would meet if it began now; `plan` makes its plan for this machine, None where it has none."""
    under_way = tuple(runs_under_way(studio.place, studio.processes))
    turn = Turn(under_way, len(studio.waiting.all()))
    if not under_way or plan is None:
        return turn
    try:
        own = plan()
        others = [_bytes_of(studio, name) for name in under_way]
    except YoyakError:
        return turn
    if None in others:
        return turn
    whole, limit = own.choice.memory.device_bytes + sum(filter(None, others)), own.situation.device.memory_bytes
    return replace(turn, fits_beside=own.fits and whole <= limit, all_bytes=whole, limit_bytes=limit)


def turn_of_wish(studio: Studio, wish: RunWish, config: Config, plan: Plan | None = None) -> Turn:
    """Return what a new run would meet; `plan` is its plan for the card of `wish`, where that is made already."""
    return turn_of(studio, lambda: plan if plan and wish == wish.here else planned(wish.here, config))


def turn_to_go_on(studio: Studio, record: RunRecord) -> Turn:
    """Return what a run that goes on would meet."""
    return turn_of(studio, None if _refines(record) else lambda: planned_again(config_of_record(record)))


def _bytes_of(studio: Studio, name: str) -> int | None:
    """Return the memory that a run under way is planned to take; None where that isn't known.

    Raises:
        YoyakError: no plan can be made.
    """
    record = read_record(studio.place.runs / name)
    if record is None or _refines(record):
        return None  # it has just begun, or other figures hold for it
    key = (name, record.started, json.dumps(record.config))
    if key not in _planned_bytes:
        _planned_bytes.clear()  # of runs that have ended
        _planned_bytes[key] = planned_again(config_of_record(record)).choice.memory.device_bytes
    return _planned_bytes[key]


def _refines(record: RunRecord) -> bool:
    return (record.command or "").split()[1:2] not in (["train"], ["quickstart"])


_planned_bytes: dict[tuple[str, str | None, str], int] = {}


def start_or_wait(studio: Studio, run: WaitingRun, turn: Turn, waits: bool) -> None:
    """Start a run, or put it into the queue.

    Raises:
        YoyakError: it would begin beside another that it doesn't fit with, or one of its name waits.
    """
    if waits:
        studio.waiting.add(run.about, run.words, run.who, run.kind)
        return
    refuse_waiting_name(studio.waiting.all(), studio.place, run.about)
    if turn.under_way and not turn.fits_beside and turn.sentence is not None:
        raise YoyakError(turn.sentence)
    studio.processes.start(run.kind, run.about, run.words)


def wants_to_wait(fields: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a form asks for a start when the GPU is free."""
    return dict(fields).get("when") == "free"
