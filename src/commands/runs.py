"""A run's folder: refused where it holds another run, with log and `run.json` from the first moment to the last."""

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.loader import differences, load_config
from ..config.schema import Config
from ..errors import YoyakError
from ..resources import configs_dir
from .console import ONLY_TO_FILES, create_console, run_logger

if TYPE_CHECKING:
    from rich.console import Console

    from ..training.run_file import RunFile

EVALUATION_FOLDER = "evaluation"
"""In a run's folder: what `yoyak evaluate` generated. It may be there before the run, with the base model's."""
_LEAST_LORA_RATE = 1e-4
_IDLE_LOAD = 0.7  # of a machine on which nothing else computes


@dataclass(frozen=True)
class TrainRequest:
    """What the user asked for: an experiment, what overrides it, and how an existing folder is treated."""

    experiment: str
    overrides: Sequence[str] = ()
    use_qlora: bool | None = None
    use_instruction_augmentation: bool = False
    debug: bool = False
    overwrite: bool = False
    force: bool = False


@dataclass
class RunContext:
    """A run under way: its settings, folder, record and where it speaks."""

    config: Config
    folder: Path
    file: "RunFile"
    logger: logging.Logger
    console: "Console"


@contextmanager
def started_run(config: Config, request: TrainRequest) -> Iterator[RunContext]:
    """Make the run's folder, log and `run.json`; set the final status whatever happens."""
    from ..training.disk import raise_if_disk_full
    from ..training.llm_trainer import TrainingInterrupted
    from ..training.run_file import RunFile, now

    log = log_path(request.experiment, datetime.now())
    with run_folder(config, request) as folder, run_logger([log, folder / "train.log"], create_console()) as logger:
        file = RunFile(folder)
        try:
            file.update(**first_record(config, request))
            logger.info("Run %s, log in %s", folder, log)
            warn_low_rate(config, logger)
            warn_busy_cores(logger)
            yield RunContext(config, folder, file, logger, create_console())
            file.update(status="completed", ended=now())
        except TrainingInterrupted as stop:
            file.update(status="interrupted", ended=now())
            where = f"; its state is in {stop.checkpoint}" if stop.checkpoint else ""
            logger.warning("Stopped after step %d of training%s", stop.step, where)
            raise
        except KeyboardInterrupt:
            file.update(status="interrupted", ended=now())
            logger.warning("Stopped; what was not finished is not kept")
            raise
        except BaseException as error:
            logger.error("Failed: %s", error, extra=ONLY_TO_FILES)
            raise_if_disk_full(error, folder)
            file.update(status="failed", ended=now(), error=str(error))
            raise


@contextmanager
def run_folder(config: Config, request: TrainRequest) -> Iterator[Path]:
    """Yield the run's new, empty folder.

    An earlier run that is replaced comes back where this one fails before it has trained; a run that fails so early
    leaves no folder, so that its name is free for the next try. Evaluations of the base model from before the run stay.
    """
    folder = Path(config.experiment.output_dir) / config.experiment.name
    refuse_other_run(folder, request)
    earlier = folder.with_name(f".{folder.name}.replaced")
    shutil.rmtree(earlier, ignore_errors=True)
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
        shutil.rmtree(earlier, ignore_errors=True)


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


def log_path(experiment: str, moment: datetime) -> Path:
    """Return `logs/YYYYMMDD/train/train_llm_EXPERIMENT_YYYYMMDD_HHMMSS.log`."""
    name = Path(experiment).stem if experiment.endswith((".yaml", ".yml")) else experiment
    return Path("logs") / f"{moment:%Y%m%d}" / "train" / f"train_llm_{name}_{moment:%Y%m%d_%H%M%S}.log"


def first_record(config: Config, request: TrainRequest) -> dict[str, object]:
    """Return what `run.json` says from the start."""
    from .. import __version__
    from ..training.run_file import device_description, now, package_versions, source_commit

    base = load_config(configs_dir() / "base" / "causal_lm.yaml")
    changed = differences(config, base).items()
    return {
        "yoyak": __version__,
        "name": config.experiment.name,
        "status": "running",
        "debug": request.debug,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": now(),
        "seed": config.training.seed,
        "commit": source_commit(),
        "device": device_description(),
        "versions": package_versions(),
        "config": config.model_dump(),
        "settings_changed": {
            name: {"base": old, "value": new} for name, (old, new) in changed if not name.startswith("experiment.")
        },
    }


def refuse_other_run(folder: Path, request: TrainRequest) -> None:
    """Raise YoyakError where the folder holds another run, or anything else; a debug run may be replaced."""
    from ..training.run_file import read_run_file

    if not folder.exists() or _holds_only_evaluations(folder):
        return
    record = read_run_file(folder)
    if record is None:
        raise YoyakError(f"{folder}: is there already and holds no run; set experiment.name=OTHER")
    if not (request.overwrite or record.get("debug")):
        raise YoyakError(
            f"{folder}: holds a run ({record.get('status')}, {record.get('started')}); "
            "pass --overwrite to replace it, or set experiment.name=OTHER"
        )


def warn_low_rate(config: Config, logger: logging.Logger) -> None:
    """Say that a LoRA run hardly learns at a learning rate for full fine-tuning, and name a better one."""
    rate = config.training.learning_rate
    if config.lora.use_lora and rate < _LEAST_LORA_RATE:
        better = "1e-3" if (config.model.size or "").upper().endswith("M") else "2e-4"
        logger.warning(
            "training.learning_rate = %g is low for LoRA, which hardly learns at it; try training.learning_rate=%s",
            rate,
            better,
        )


def warn_busy_cores(logger: logging.Logger) -> None:
    """Say that training on a CPU whose cores others use is slow: threads of OpenMP that wait for each other spin."""
    import torch

    if torch.cuda.is_available() or not hasattr(os, "sched_getaffinity"):
        return
    note = busy_cores_note(os.getloadavg()[0], torch.get_num_threads(), len(os.sched_getaffinity(0)))
    if note:
        logger.warning(note)


def busy_cores_note(load: float, threads: int, cores: int) -> str | None:
    """Return what to say of `load` other busy threads beside `threads` of ours on `cores`; None where all fit."""
    if load + threads <= cores + _IDLE_LOAD:
        return None
    free = max(1, round(cores - load))
    advice = f"; OMP_NUM_THREADS={free} is faster here" if free < threads else ""
    return f"{load:.1f} busy threads and {threads} of this run on {cores} cores: training will be slow{advice}"
