"""A run's folder: refused where it holds another run, with log and `run.json` from the first moment to the last."""

import logging
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...config.loader import differences, load_config
from ...config.located import located
from ...config.schema import Config
from ...errors import YoyakError
from ...files import refuse_of_others, remove
from ...ranks.group import own_rank, rank_count, say_at_the_end
from ...resources import configs_dir
from ...runs.schema import Resumption, RunRecord, SettingChange
from ..console import ONLY_TO_FILES, create_console, run_logger
from .busy_cores import warn_busy_cores
from .request import TrainRequest
from .resume import EVALUATION_FOLDER, EarlierRun, other_surroundings

if TYPE_CHECKING:
    from rich.console import Console

    from ...runs.record import RunFile
    from ...training.state.checkpoints import Checkpoint


@dataclass
class RunContext:
    """A run under way: its settings, folder, record and where it speaks; `earlier` where it goes on."""

    config: Config
    folder: Path
    file: "RunFile"
    logger: logging.Logger
    console: "Console"
    earlier: EarlierRun | None = None

    @property
    def checkpoint(self) -> "Checkpoint | None":
        """Return the checkpoint that the run goes on from."""
        return self.earlier.checkpoint if self.earlier else None


@contextmanager
def followed_run(
    config: Config, request: TrainRequest, earlier: EarlierRun | None, log_name: str = "train_llm"
) -> Iterator[RunContext]:
    """Yield the run to a process that trains it with others and is not the one that writes: it has a log only."""
    from ...runs.record import RunFile
    from ...training.guards.interrupts import stopped_by_sigterm

    log = log_path(request.experiment, datetime.now(), f"{log_name}_rank{own_rank()}")
    with stopped_by_sigterm(), run_logger([log], create_console(forgiving=True)) as logger:
        file = RunFile(config.experiment.run_dir, kept_record(earlier), writes=False)
        try:
            warn_busy_cores(logger)
            yield RunContext(config, config.experiment.run_dir, file, logger, create_console(forgiving=True), earlier)
        except BaseException as error:
            logger.error("Failed: %s", error)
            raise


@contextmanager
def started_run(
    config: Config, request: TrainRequest, earlier: EarlierRun | None = None, log_name: str = "train_llm"
) -> Iterator[RunContext]:
    """Make the run's folder, log and `run.json`, or go on with an earlier one's; set the final status in any case."""
    from ...runs.disk import raise_if_disk_full
    from ...runs.lock import run_lock
    from ...runs.record import RunFile, now
    from ...training.guards.interrupts import TrainingInterrupted, stopped_by_sigterm

    log = log_path(request.experiment, datetime.now(), log_name)
    console = create_console(forgiving=True, quiet=request.quiet)
    with (
        stopped_by_sigterm(),
        run_lock(config.experiment.run_dir),
        kept_folder(config) if earlier else run_folder(config, request) as folder,
        run_logger([log, folder / "train.log"], console) as logger,
    ):
        file = RunFile(folder, kept_record(earlier))
        say_at_the_end(lambda why: file.update(RunRecord(status="failed", ended=now(), error=why.sentence())))
        try:
            file.update(first_record(config, request, earlier))
            logger.info("Run %s, log in %s", folder, log)
            warn_busy_cores(logger)
            say_where_it_goes_on(earlier, logger)
            yield RunContext(config, folder, file, logger, console, earlier)
            file.update(RunRecord(status="completed", ended=now()))
        except TrainingInterrupted as stop:
            file.update(RunRecord(status="interrupted", ended=now()))
            where = f"; its state is in {stop.checkpoint}" if stop.checkpoint else ""
            logger.warning("Stopped after step %d of training%s", stop.step, where)
            raise
        except KeyboardInterrupt:
            file.update(RunRecord(status="interrupted", ended=now()))
            logger.warning("Stopped; what was not finished is not kept")
            raise
        except BaseException as error:
            logger.error("Failed: %s", error, extra=ONLY_TO_FILES)
            with suppress(OSError):  # of a disk that takes no more; the last record that was whole stays
                file.update(RunRecord(status="failed", ended=now(), error=str(error)))
            raise_if_disk_full(error, folder)
            raise
        finally:
            say_at_the_end(lambda why: None)  # nothing that comes later ends this run otherwise


def kept_record(earlier: EarlierRun | None) -> RunRecord:
    """Return what a run that goes on keeps of its record: all but its end, and settings that may differ now."""
    if earlier is None or earlier.record is None:
        return RunRecord()
    gone = {"ended", "error", "settings_changed", *(() if earlier.checkpoint else ("resolved",))}
    return RunRecord.model_validate({name: part for name, part in earlier.record.as_dict().items() if name not in gone})


def say_where_it_goes_on(earlier: EarlierRun | None, logger: logging.Logger) -> None:
    """Name the step, each checkpoint that can't be used, and what is another version or device."""
    if earlier is None:
        return
    for sentence in earlier.damaged:
        logger.warning("Not used: %s", sentence)
    if earlier.checkpoint is None:
        logger.info("No whole checkpoint: training begins at step 0")
        return
    logger.info("Going on from %s", earlier.checkpoint.folder)
    if (before := earlier.facts.get("processes", 1)) != rank_count():
        logger.warning(
            "The run goes on with %d processes, and had %d: its numbers are equal to rounding, not to the last bit",
            rank_count(),
            before,
        )
    if others := other_surroundings(earlier):
        logger.warning("The last bits may differ from an uninterrupted run's: %s", "; ".join(others))


@contextmanager
def kept_folder(config: Config) -> Iterator[Path]:
    """Yield the folder of a run that goes on, which stays whatever happens."""
    yield config.experiment.run_dir


@contextmanager
def run_folder(config: Config, request: TrainRequest) -> Iterator[Path]:
    """Yield the run's new, empty folder.

    An earlier run that is replaced comes back where this one fails before it has trained, or with the next run where
    this one is killed so early; a run that fails so early leaves no folder, so that its name is free for the next try.
    Evaluations of the base model from before the run stay.
    """
    folder = config.experiment.run_dir
    earlier = folder.with_name(f".{folder.name}.replaced")
    refuse_of_others(earlier)
    if earlier.exists() and not _has_trained(folder):  # its replacement was killed
        shutil.rmtree(folder, ignore_errors=True)
        earlier.rename(folder)
    refuse_other_run(folder, request)
    remove(earlier)
    if folder.exists() and not _holds_only_evaluations(folder):
        folder.rename(earlier)
    folder.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in folder.iterdir()}
    try:
        yield folder
    except BaseException:
        if not _has_trained(folder):
            _empty(folder, before)
            if earlier.exists():
                earlier.rename(folder)
        raise
    finally:
        remove(earlier)


def _holds_only_evaluations(folder: Path) -> bool:
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {EVALUATION_FOLDER}


def _empty(folder: Path, but: set[str]) -> None:
    """Remove a folder, or what is in it except for the names in `but`."""
    for path in folder.iterdir():
        if path.name in but:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if not but:
        shutil.rmtree(folder, ignore_errors=True)


def _has_trained(folder: Path) -> bool:
    metrics = folder / "metrics.jsonl"
    return (metrics.is_file() and metrics.stat().st_size > 0) or any(folder.glob("checkpoints/checkpoint-*"))


def log_path(experiment: str, moment: datetime, log_name: str) -> Path:
    """Return `logs/YYYYMMDD/train/LOG_NAME_EXPERIMENT_YYYYMMDD_HHMMSS.log`."""
    name = Path(experiment).stem if experiment.endswith((".yaml", ".yml")) else experiment
    return Path("logs") / f"{moment:%Y%m%d}" / "train" / f"{log_name}_{name}_{moment:%Y%m%d_%H%M%S}.log"


def first_record(config: Config, request: TrainRequest, earlier: EarlierRun | None) -> RunRecord:
    """Return what `run.json` says from the start; of one that goes on, when it began and each going on."""
    from ... import __version__
    from ...runs.record import device_description, now, package_versions, source_commit

    base = load_config(configs_dir() / "base" / "causal_lm.yaml")
    changed = differences(config, base).items()
    record = RunRecord(
        yoyak=__version__,
        name=config.experiment.name,
        status="running",
        debug=request.debug,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        started=now(),
        seed=config.training.seed,
        commit=source_commit(),
        device=device_description(),
        versions=package_versions(),
        config=located(config).model_dump(),
        settings_changed={
            name: SettingChange(base=old, value=new)
            for name, (old, new) in changed
            if not name.startswith("experiment.")
        },
    )
    if earlier is None:
        return record
    before = earlier.record or RunRecord()
    resumed = [*before.resumed, Resumption(at=now(), step=earlier.step)]
    return record.model_copy(update={"started": before.started or record.started, "resumed": resumed})


def refuse_other_run(folder: Path, request: TrainRequest) -> None:
    """Raise YoyakError where the folder holds another run, or anything else; a debug run may be replaced."""
    from ...runs.record import read_record

    if not folder.exists() or _holds_only_evaluations(folder):
        return
    record = read_record(folder)
    if record is None:
        raise YoyakError(f"{folder}: is there already and holds no run; set experiment.name=OTHER")
    goes_on = "" if record.status == "completed" else ", --resume to go on with it"
    if not (request.overwrite or record.debug):
        raise YoyakError(
            f"{folder}: holds a run ({record.status}, {record.started}); "
            f"pass --overwrite to replace it{goes_on}, or set experiment.name=OTHER"
        )
