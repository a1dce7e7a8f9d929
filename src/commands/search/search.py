"""`yoyak search`: runs of a config with other settings until a deadline, and the best of them."""

import json
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.loader import flatten, load_config_with_sources
from ...config.located import located
from ...config.schema import Config
from ...config.unread import refuse_no_summaries
from ...errors import YoyakError
from ...search.folder import CLOCK_FILE, NAMED_SEARCH, PLACE_FILE, STORAGE_FILE
from ..console import create_console, print_json, quiet_libraries
from ..together import alone
from ..train.config import resolve_config
from ..train.request import TrainRequest
from .context import Search
from .plan_search import need_optuna, untried_lines
from .set_aside import SearchData, digest_of, known_to_training, read_search_data, write_search_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...data.files.sources import DialogueRow
    from ...search.costs import Units
    from ...search.study import SearchStudy
    from ...search.workers import SearchWorker

_LOSSES = "losses"
"""What the storage calls the number of dialogues that the evaluation loss is of."""
_BEGINS_WITH = {"data", STORAGE_FILE, PLACE_FILE}
_STAYS = {".deciding.lock", PLACE_FILE}
_NOT_OF_THE_SEARCH = (
    "experiment.", "search.trials", "search.keep_models", "search.additions", "search.equal_within",
    "training.logging_steps", "training.report_to",
)  # fmt: skip


@dataclass(frozen=True)
class SearchRequest:
    """What the user asked for.

    Attributes:
        deadline_seconds: what the search's processes may run.
        began: when this process did, in seconds since the epoch; None is now.
    """

    experiment: str
    deadline_seconds: float
    overrides: Sequence[str] = ()
    storage: str | None = None
    overwrite: bool = False
    as_json: bool = False
    began: float | None = None


def run_search(request: SearchRequest) -> Path:
    """Search, or go on with the search that the folder holds; return the folder, `outputs/NAME_search/`.

    Raises:
        YoyakError: settings, data or storage can't be used, or no trial can end before the deadline.
        SystemExit: stopped by Ctrl-C (130) or SIGTERM (143), with the best so far as the result.
    """
    need_optuna()
    with alone(), _begun(request) as (search, worker), search.study.refusals():
        from ...search.workers import deciding
        from ...training.guards.interrupts import stopped_by_sigterm
        from .conclude import conclude, show_result
        from .loop import run_trials
        from .reasons import GivenUpError

        for line in untried_lines(search.config):
            search.console.print(line, style="dim")
        try:
            with stopped_by_sigterm():
                run_trials(search)
                with deciding(search.folder):  # the last worker sees no other
                    record = conclude(search) if worker.is_last() else None
        except (KeyboardInterrupt, GivenUpError):
            with deciding(search.folder):  # Ctrl-C stops all workers of a terminal at once
                conclude(search, stopped=True)
            raise
        if record is None:
            search.console.print("Another process goes on with this search and ends it")
        elif request.as_json:
            print_json(record)
        else:
            show_result(search, record)
        return search.folder


@contextmanager
def _begun(request: SearchRequest) -> "Iterator[tuple[Search, SearchWorker]]":
    """Yield the search with all that is checked before a trial begins, and this process as its worker.

    Several may begin at once: what makes the folder is done by one after another. A new folder goes where that fails.
    """
    from ...search.clock import SearchClock
    from ...search.objective import refuse_objective
    from ...search.place import SearchPlace
    from ...search.space import search_space
    from ...search.study import SearchStudy
    from ...search.workers import deciding, working
    from .machine import search_machine

    config = resolve_config(TrainRequest(request.experiment, request.overrides))
    sources = load_config_with_sources(request.experiment, request.overrides)[1]
    refuse_no_summaries(config, sources)
    source = sources["search.space"]
    space = search_space(config, "search.space" if source == "default" else source)
    folder = config.experiment.run_dir.with_name(config.experiment.name + NAMED_SEARCH)
    console = create_console(stderr=request.as_json, forgiving=True)
    _refuse_other_content(folder)
    quiet_libraries()
    import_module("...training.llm_trainer", __package__)  # its seconds are not the first trial's
    data = read_search_data(config, folder, console.print)
    refuse_objective(config, [row.summary for row in data.dev])
    train = _train_rows(config)
    data = known_to_training(data, train, config.data, console.print)
    machine = search_machine(config, train, data.dev)
    machine = replace(machine, losses=machine.loss_dialogues(config, space))
    units = machine.units(config)
    said = "Another process is ending this search; waiting for it"
    with working(folder, partial(console.print, said, style="dim")) as worker:
        with deciding(folder):
            alone = worker.is_alone()
            is_new = not (folder / CLOCK_FILE).is_file()
            try:
                if request.overwrite:  # what is refused leaves what was there
                    _refuse_company(folder, alone)
                    _refuse_short_deadline(request, request.deadline_seconds, config, data, units)
                url = request.storage or f"sqlite:///{(folder / STORAGE_FILE).absolute()}"
                if request.overwrite and request.storage is None:
                    _empty(folder)
                name, chance = config.experiment.name, config.search.sampler == "random"
                place = SearchPlace.of(folder)
                study = SearchStudy(url, name, space, config.search.seed, request.overwrite, chance, place)
                if request.overwrite and request.storage is not None:
                    _empty(folder)
                study.refuse_another(_identity(config, data, train))
                write_search_data(config, data)
                clock = SearchClock(folder, request.deadline_seconds, request.began)
                if (losses := _decided_losses(study, machine.losses)) != machine.losses:
                    machine = replace(machine, losses=losses)
                    units = machine.units(config)
                search = Search(config, folder, data, space, machine, units, study, clock, console)
                if not study.trials():
                    _refuse_short_deadline(request, clock.left, config, data, units)
            except BaseException:
                if is_new and alone:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
        with clock.running():
            yield search, worker


def _decided_losses(study: "SearchStudy", losses: int | None) -> int | None:
    """Return of how many dialogues the evaluation loss of a search is, as decided when it began; None for all.

    One that began before that was decided goes on with all: its trials' checkpoints and measurements are of all.
    """
    if study.decided(_LOSSES, None) is None and not study.trials():
        study.decide(_LOSSES, losses)
    decided: int | None = study.decided(_LOSSES, None)
    return decided


def _train_rows(config: Config) -> "list[DialogueRow]":
    from ...data.files.sources import load_dialogues

    return load_dialogues(config.data.train, config.data).rows[: config.data.max_train_examples]


def _refuse_other_content(folder: Path) -> None:
    """Raise YoyakError where the folder holds something else than a search, or what one begins with."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if CLOCK_FILE not in names and any(name not in _BEGINS_WITH and not name.startswith(".") for name in names):
        raise YoyakError(f"{folder}: is there already and holds no search; set experiment.name=OTHER")


def _refuse_company(folder: Path, alone: bool) -> None:
    """Raise YoyakError where another process works on a search that is to be replaced."""
    if not alone:
        raise YoyakError(f"{folder}: another process is at this search, which --overwrite would replace; stop it first")


def _empty(folder: Path) -> None:
    """Remove what a search's folder holds, but for its locks and its key."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
            shutil.rmtree(path)
        elif (path.is_symlink() or path.is_file()) and path.name not in _STAYS:
            path.unlink()


def _identity(config: Config, data: SearchData, train: "Sequence[DialogueRow]") -> dict[str, Any]:
    """Return what makes a search: its settings, by name, and the dialogues that it trains and measures on."""
    settings = {
        name: value for name, value in flatten(located(config)).items() if not name.startswith(_NOT_OF_THE_SEARCH)
    }
    dialogues = {"training dialogues": digest_of([train]), "evaluation dialogues": digest_of([data.dev, data.test])}
    known: dict[str, Any] = json.loads(json.dumps(settings | dialogues))
    return known


def _refuse_short_deadline(
    request: SearchRequest, left: float, config: Config, data: SearchData, units: "Units"
) -> None:
    """Raise YoyakError where of a new search not even the first trial can end in the seconds that are left."""
    from ...planner.advice import hours
    from .seconds import least_seconds

    least = least_seconds(config.search, units, len(data.dev), len(data.test))
    if least > left:
        raise YoyakError(
            f"--deadline: {hours(request.deadline_seconds)} allows no trial; one takes {hours(least)} at the "
            f"least, with loading and the score at the end, and {hours(max(left, 0))} of it are left after the start"
        )
