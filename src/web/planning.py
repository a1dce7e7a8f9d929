"""The plan beside a form: the planner's, with what it needs of the data kept between two turns of a setting."""

import os
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ..commands.plan import refuse_budget
from ..commands.train.config import resolve_config
from ..commands.train.folder import refuse_other_run
from ..commands.train.request import TrainRequest
from ..config.schema import Config
from ..config.unread import refuse_of_search
from ..data.files.places import existing_file
from ..errors import YoyakError
from ..models.flash_here import flash_is_here
from ..models.untrainable import refuse_untrainable_checkpoint
from ..planner.data_lengths import data_lengths
from ..planner.devices import CARDS, Device
from ..planner.job import job_of
from ..planner.lengths import Lengths
from ..planner.machine import choose_device
from ..planner.model_shape import ModelShape
from ..planner.plan import Plan, Situation, make_plan
from ..planner.refining import RefinePlan, make_refine_plan
from ..planner.shapes import cached_file, find_shape
from ..runs.record import read_record
from ..runs.schema import RunRecord
from .setting_fields import typed_value

T = TypeVar("T")
_CACHED = 16
_shapes: OrderedDict[tuple[object, ...], ModelShape] = OrderedDict()
_lengths: OrderedDict[tuple[object, ...], Lengths] = OrderedDict()


@dataclass(frozen=True)
class RunWish:
    """A run as a form asks for it: an experiment, what overrides it, the card to plan for (None: this machine's).

    Attributes:
        memory_gb: of the card, in 1e9 bytes, where it is not what a card of the name has.
        price_per_hour: of the card, for the cost; in no currency.
        named: which of `data.train` and `data.eval` are named by the experiment or its overrides.
    """

    experiment: str
    overrides: tuple[str, ...] = ()
    gpu: str | None = None
    named: frozenset[str] = frozenset()
    memory_gb: float | None = None
    price_per_hour: float | None = None

    @property
    def words(self) -> list[str]:
        """Return the words behind `yoyak` that start it."""
        return ["train", "--experiment", self.experiment, *self.overrides]

    @property
    def plan_words(self) -> list[str]:
        """Return the words behind `yoyak` that print its plan."""
        words = ["plan", "--experiment", self.experiment, *self.overrides]
        for option, value in (
            ("--gpu", self.gpu),
            ("--memory-gb", self.memory_gb),
            ("--price-per-hour", self.price_per_hour),
        ):
            words += [] if value is None else [option, typed_value(value)]
        return words

    @property
    def here(self) -> "RunWish":
        """Return the same for this machine."""
        return replace(self, gpu=None, memory_gb=None)


def checked_config(wish: RunWish) -> Config:
    """Return the settings of a run that can be started.

    Raises:
        YoyakError: as `yoyak train` refuses: a setting, settings that exclude each other, or a folder that is taken.
    """
    request = TrainRequest(wish.experiment, wish.overrides)
    config = resolve_config(request)
    refuse_of_search(wish.overrides)
    refuse_other_run(config.experiment.run_dir, request)
    return config


def refuse_missing_files(config: Config) -> None:
    """Raise YoyakError, before a process is started, where a data file is not there."""
    for source in (config.data.train, config.data.eval):
        if not source.startswith("hub:"):
            existing_file(source)


def config_of_record(record: RunRecord) -> Config:
    """Return a run's settings; YoyakError where its record holds none that this version knows."""
    try:
        return Config.model_validate(record.config)
    except ValueError:
        raise YoyakError("the run's record holds settings that this version doesn't know") from None


def config_to_go_on(folder: Path) -> Config:
    """Return the settings of a run that is there to go on with; YoyakError where it isn't."""
    record = read_record(folder)
    if record is None:
        raise YoyakError(f"{folder}: there is no run to go on with")
    return config_of_record(record)


def planned(wish: RunWish, config: Config) -> Plan:
    """Return the plan of a run.

    Raises:
        YoyakError: as `yoyak plan` refuses.
    """
    plan = make_plan(situation_of_form(config, wish.named, choose_device(wish.gpu, wish.memory_gb)))
    refuse_budget(plan)
    return plan


def planned_again(config: Config) -> Plan:
    """Return this machine's plan of a run that was started, by its settings; YoyakError where none can be made."""
    return planned(RunWish("", named=frozenset({"data.train", "data.eval"})), config)


def planned_refining(config: Config, gpu: str | None) -> RefinePlan:
    """Return the plan of a refining with these settings, on a card or this machine (None).

    Raises:
        YoyakError: as `yoyak plan --refine` refuses.
    """
    named = ("data.train", "data.eval")
    return make_refine_plan(situation_of_form(config, named, choose_device(gpu, None)))


def known_card(name: str) -> str | None:
    """Return the name of a card that a form names, None where it means this machine; YoyakError for another."""
    if name and name not in {card.name for card in CARDS}:
        raise YoyakError(f"--gpu {name[:100]}: no such card here")
    return name or None


def situation_of_form(config: Config, named: Collection[str], device: Device) -> Situation:
    """Return what a plan is made of; `named` are those of `data.train` and `data.eval` that a form or config names.

    Raises:
        YoyakError: settings exclude each other, or data, tokenizer or model can't be read.
    """
    refuse_untrainable_checkpoint(config)
    shape = _shape(config)
    job_of(config, shape, device)  # settings that exclude each other are refused before data is read
    train, evaluation = (_split(config, shape, split, f"data.{split}" in named) for split in ("train", "eval"))
    return Situation(config, shape, train, evaluation, device, flash=flash_is_here(shape, device))


def _shape(config: Config) -> ModelShape:
    key = (config.model.checkpoint, _stamp(config.model.checkpoint))
    if key not in _shapes:
        _keep(_shapes, key, find_shape(config.model.checkpoint)[0])
    return _shapes[key]


def _split(config: Config, shape: ModelShape, split: str, named: bool) -> Lengths:
    """Return a split's lengths, counted anew where its file, the tokenizer or what cuts prompts is another."""
    source = config.data.train if split == "train" else config.data.eval
    how = (
        config.model.checkpoint,
        config.model.chat_template,
        _stamp(str(cached_file(config.model.checkpoint, "tokenizer.json"))),
    )
    what = (
        config.data.model_dump_json(exclude={"max_train_examples", "max_eval_examples"}),
        config.dataset.model_dump_json(),
    )
    key = (split, named, source, _stamp(source), *how, *what)
    if key not in _lengths:
        _keep(_lengths, key, data_lengths(config, shape, split, named))
    return _lengths[key]


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(Path(path).expanduser())
    except (OSError, ValueError, RuntimeError):
        return None
    return found.st_mtime_ns, found.st_size


def _keep(cache: OrderedDict[tuple[object, ...], T], key: tuple[object, ...], value: T) -> None:
    cache[key] = value
    while len(cache) > _CACHED:
        cache.popitem(last=False)
