"""`yoyak search`: runs of a config with other settings until a deadline, and the best of them."""

import json
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.loader import flatten, load_config_with_sources
from ...config.located import located
from ...config.schema import Config
from ...errors import YoyakError
from ..console import create_console, print_json, quiet_libraries
from ..train.config import resolve_config
from ..train.folder import TrainRequest
from ..train.train import trained_alone
from .context import Search
from .plan_search import need_optuna
from .set_aside import SearchData, read_search_data

if TYPE_CHECKING:
    from collections.abc import Iterator


STORAGE_FILE = "search.db"
_NAMED = "_search"
_NOT_OF_THE_SEARCH = (
    "experiment.", "search.trials", "search.keep_models", "training.logging_steps", "training.report_to"
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
    with trained_alone(), _begun(request) as search:
        from ...search.workers import deciding, others_work, working
        from .conclude import conclude, show_result
        from .loop import run_trials

        try:
            with working(search.folder) as own:
                run_trials(search)
                with deciding(search.folder):  # the last worker sees no other
                    record = None if others_work(search.folder, own) else conclude(search)
        except KeyboardInterrupt:
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
def _begun(request: SearchRequest) -> "Iterator[Search]":
    """Yield the search with all that is checked before a trial begins; a new folder goes where that fails."""
    from ...search.clock import SearchClock
    from ...search.objective import refuse_objective
    from ...search.space import search_space
    from ...search.study import SearchStudy
    from .machine import search_machine

    config = resolve_config(TrainRequest(request.experiment, request.overrides))
    sources = load_config_with_sources(request.experiment, request.overrides)[1]
    source = sources["search.space"]
    space = search_space(config, "search.space" if source == "default" else source)
    folder = config.experiment.run_dir.with_name(config.experiment.name + _NAMED)
    console = create_console(stderr=request.as_json, forgiving=True)
    is_new = _refuse_other_content(folder, request.overwrite)
    try:
        quiet_libraries()
        import_module("...training.llm_trainer", __package__)  # its seconds are not the first trial's
        data = read_search_data(config, folder)
        refuse_objective(config, [row.summary for row in data.dev])
        machine = search_machine(config, _train_rows(config), data.dev)
        folder.mkdir(parents=True, exist_ok=True)
        study = SearchStudy(
            request.storage or f"sqlite:///{(folder / STORAGE_FILE).absolute()}",
            config.experiment.name,
            space,
            config.search.seed,
        )
        study.refuse_another(_identity(config, data))
        clock = SearchClock(folder, request.deadline_seconds, request.began)
        search = Search(config, folder, data, space, machine, machine.units(config), study, clock, console)
        _refuse_short_deadline(search)
    except BaseException:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    with clock.running():
        yield search


def _train_rows(config: Config) -> "list[Any]":
    from ...data.files.sources import load_dialogues

    return load_dialogues(config.data.train, config.data).rows[: config.data.max_train_examples]


def _refuse_other_content(folder: Path, overwrite: bool) -> bool:
    """Tell whether the folder is new; raise YoyakError where it holds something else than a search."""
    if not folder.exists():
        return True
    holds_search = (folder / "clock.json").is_file()
    if not holds_search and any(folder.iterdir()):
        raise YoyakError(f"{folder}: is there already and holds no search; set experiment.name=OTHER")
    if overwrite:
        shutil.rmtree(folder)
    return overwrite or not holds_search


def _identity(config: Config, data: SearchData) -> dict[str, Any]:
    """Return what makes a search: its settings, by name, and the dialogues that it measures on."""
    settings = {
        name: value for name, value in flatten(located(config)).items() if not name.startswith(_NOT_OF_THE_SEARCH)
    }
    known: dict[str, Any] = json.loads(json.dumps(settings | {"evaluation dialogues": data.digest}))
    return known


def _refuse_short_deadline(search: Search) -> None:
    """Raise YoyakError where not even the first trial can end before the deadline."""
    from ...planner.advice import hours
    from .loop import reserved_seconds, whole_seconds

    if search.study.trials():
        return
    least = whole_seconds(search, search.units) + reserved_seconds(search)
    if least > search.clock.left:
        raise YoyakError(
            f"--deadline: {hours(search.clock.deadline_seconds)} allows no trial; one takes {hours(least)} at the "
            "least, with loading and the score at the end"
        )
