"""`yoyak train --folds K`: a run on each fold of the training data, how far they agree, and an ensemble of them.

Each fold trains on the others' rows and is evaluated on its own. `data.eval` stays unseen until the end, where the
ensemble and every single fold summarize it. Several ranks train each fold together, one fold after the other.
"""

import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.effects import WITHOUT_EFFECT
from ...config.loader import differences
from ...config.located import located
from ...config.provenance import value_text
from ...config.schema import Config
from ...config.unread import refuse_of_search
from ...errors import YoyakError
from ...files import write_atomic
from ...planner.sharding import refuse_what_cannot_be_cut
from ...ranks.group import agreed, is_first_rank
from ...runs.schema import RunRecord
from ..console import create_console
from ..data.data_files import write_whole
from ..generating import stoppable
from ..together import as_asked
from .config import resolve_config
from .folds_ensemble import ensemble_of
from .launch import train_arguments
from .request import TrainRequest
from .resume import EVALUATION_FOLDER
from .train import train_config

if TYPE_CHECKING:
    from ...data.files.sources import DialogueRow

FOLDS_FILE = "folds.json"
_AFTER_TRAINING = ("generation.", "evaluation.")
_IN_NO_SCORE = ("evaluation.generate", "generation.batch_")
_IN_NO_WEIGHT = (*WITHOUT_EFFECT, "training.sharding")


@dataclass(frozen=True)
class Fold:
    """One of the runs: its settings, in which `data.train` and `data.eval` are the fold's own files."""

    config: Config
    train_rows: "list[DialogueRow]" = field(repr=False)
    eval_rows: "list[DialogueRow]" = field(repr=False)

    @property
    def folder(self) -> Path:
        """Return the run's folder."""
        return self.config.experiment.run_dir


def train_folds(request: TrainRequest, folds: int) -> Path:
    """Train the folds that are not complete, write `folds.json` and, with `evaluation.generate`, the ensemble.

    Returns the folder with all of them, `outputs/<experiment.name>/`.

    Raises:
        YoyakError: the folder holds something else, folds of other data or settings, or the data can't be divided.
        SystemExit: see `as_asked`.
    """
    from ...runs.lock import run_lock

    config = resolve_config(request)
    refuse_of_search(request.overrides)
    _refuse_unread_data(config, request)
    refuse_what_cannot_be_cut(config)
    folder = config.experiment.run_dir
    asked = as_asked(request.several, train_arguments(request, folds), config.training.rank_timeout)
    with asked, run_lock(folder) if is_first_rank() else nullcontext():
        return _train_folds(config, request, folds, folder)


def _refuse_unread_data(config: Config, request: TrainRequest) -> None:
    """Raise YoyakError for evaluation data that was typed, where there is no ensemble to summarize them."""
    typed = any(override.partition("=")[0].strip() == "data.eval" for override in request.overrides)
    if typed and not config.evaluation.generate:
        raise YoyakError(
            "data.eval with --folds is of the ensemble, which evaluation.generate=true asks for; leave one out"
        )


def _train_folds(config: Config, request: TrainRequest, folds: int, folder: Path) -> Path:
    agreed(lambda: _refuse_other_content(folder, folds, request.overwrite))
    planned = plan_folds(config, folds)
    record: dict[str, Any] = {"folds": folds, "seed": config.training.seed, "train": config.data.train}
    complete = agreed(lambda: _begin(planned, record, folder, request.overwrite))
    console = create_console(forgiving=True)
    again = " without --overwrite" if request.overwrite else ""
    with stoppable(lambda: f"{len(complete)} of {folds} folds are complete; the same command{again} goes on"):
        for fold in planned:
            if fold.folder in complete:
                console.print(f"{fold.folder}: is complete and kept")
                continue
            console.print(f"\nFold {len(complete) + 1} of {folds}", style="bold")
            _train(fold, request)
            complete.append(fold.folder)
    record |= agreed(lambda: summary_of(planned))
    _write_record(folder, record)
    for line in _sentences(record):
        console.print(line)
    if config.evaluation.generate:
        record["ensemble"] = ensemble_of([fold.folder for fold in planned], config, folder, console)
        _write_record(folder, record)
    console.print(f"Figures: {folder / FOLDS_FILE}")
    return folder


def _begin(planned: Sequence[Fold], record: dict[str, Any], folder: Path, overwrite: bool) -> list[Path]:
    """Write the folds' files and what is known of them so far; return the folders of those that are complete."""
    complete = [] if overwrite else [fold.folder for fold in planned if _is_complete(fold)]
    _write_parts(planned, overwrite)
    _write_record(folder, record)
    return complete


def plan_folds(config: Config, folds: int) -> list[Fold]:
    """Divide the training data by topic, seeded by `training.seed`; return each fold with its run's settings."""
    from ...data.files.sources import load_dialogues
    from ...data.tools.split import fold_indices
    from ..data.part_files import as_in_the_file, part_suffix

    rows = load_dialogues(config.data.train, config.data).rows[: config.data.max_train_examples]
    parts = fold_indices(rows, folds, seed=config.training.seed)
    rows, suffix = as_in_the_file(rows, config.data.train, config.data), part_suffix(config.data)
    folder = config.experiment.run_dir
    planned = []
    for number, (train, evaluation) in enumerate(parts):
        its = config.model_copy(deep=True)
        its.experiment.output_dir, its.experiment.name = str(folder), f"fold_{number}"
        its.data.train, its.data.eval = (
            str(folder / "data" / f"fold_{number}_{part}{suffix}") for part in ("train", "dev")
        )
        its.data.max_train_examples = None  # applied before the rows were divided
        planned.append(Fold(its, [rows[row] for row in train], [rows[row] for row in evaluation]))
    return planned


def summary_of(planned: Sequence[Fold]) -> dict[str, Any]:
    """Return each fold's figures on its own rows, their means and their standard deviations (of a sample: n - 1).

    Scores of a fold that was complete, and summarized or scored by other settings, have no part in them.
    """
    from statistics import mean, stdev

    from ...evaluation.result import SCORES
    from ...runs.record import read_record

    runs: list[dict[str, Any]] = []
    for fold in planned:
        record = read_record(fold.folder) or RunRecord()
        scores = {name: getattr(record.scores.fine_tuned, name, None) for name in SCORES}
        figures = {name: score for name, score in scores.items() if score is not None}
        others = _scored_by(fold, record) if figures else {}
        figures = {"eval_loss": record.train.eval_loss} | ({} if others else figures)
        rows = {"train_rows": len(fold.train_rows), "eval_rows": len(fold.eval_rows)}
        left_out = {"scores_left_out": others} if others else {}
        runs.append({"run": fold.folder.name, **rows, "scores": figures, **left_out})
    columns = {name: [run["scores"].get(name) for run in runs] for name in (*SCORES, "eval_loss")}
    whole = {name: values for name, values in columns.items() if None not in values}
    return {
        "runs": runs,
        "mean": {name: mean(values) for name, values in whole.items()},
        "standard_deviation": {name: stdev(values) for name, values in whole.items()},
    }


def _scored_by(fold: Fold, record: RunRecord) -> dict[str, object]:
    """Return the settings by which a fold's summaries were made and scored, where they are others now."""
    changed = differences(located(fold.config), located(Config.model_validate(record.config))).items()
    return {
        name: before
        for name, (before, _) in changed
        if name.startswith(_AFTER_TRAINING) and not name.startswith(_IN_NO_SCORE)
    }


def _refuse_other_content(folder: Path, folds: int, overwrite: bool) -> None:
    """Raise YoyakError where the folder holds no folds, or another number of them."""
    if not folder.exists() or {path.name for path in folder.iterdir()} <= {EVALUATION_FOLDER}:
        return
    try:
        there = json.loads((folder / FOLDS_FILE).read_text(encoding="utf-8"))["folds"]
    except (OSError, ValueError, LookupError, TypeError):
        raise YoyakError(f"{folder}: is there already and holds no folds; set experiment.name=OTHER") from None
    if there != folds and not overwrite:
        raise YoyakError(f"{folder}: holds {there} folds, not {folds}; pass --overwrite, or set experiment.name=OTHER")


def _is_complete(fold: Fold) -> bool:
    """Return whether a fold's run is there, complete; refuse other settings, but those that its weights are without.

    Of these are the ones of generating and scoring, unless scores have decided which weights were kept.
    """
    from ...runs.record import read_record

    record = read_record(fold.folder)
    if record is None or record.status != "completed" or not record.config:
        return False
    decided = fold.config.training.metric_for_best_model == "rouge_sum"
    changed = {
        name: values
        for name, values in differences(located(fold.config), located(Config.model_validate(record.config))).items()
        if not name.startswith((*_IN_NO_WEIGHT, *(_IN_NO_SCORE if decided else _AFTER_TRAINING)))
    }
    if changed:
        name, (before, now) = next(iter(changed.items()))
        raise YoyakError(
            f"{fold.folder}: was trained with {name} = {value_text(before)}, not {value_text(now)}; "
            "pass --overwrite to train all folds anew, or set experiment.name=OTHER"
        )
    return True


def _write_parts(planned: Sequence[Fold], overwrite: bool) -> None:
    """Write the folds' files; they may be there, with the same rows."""
    from ..data.part_files import part_bytes

    files: dict[Path, bytes] = {}
    for fold in planned:
        data = fold.config.data
        files[Path(data.train)] = part_bytes(fold.train_rows, data)
        files[Path(data.eval)] = part_bytes(fold.eval_rows, data)
    for path, content in files.items():
        if not overwrite and path.exists() and path.read_bytes() != content:
            raise YoyakError(
                f"{path}: the training data have changed since; "
                "pass --overwrite to train all folds anew, or set experiment.name=OTHER"
            )
    write_whole(files, overwrite=True)


def _train(fold: Fold, request: TrainRequest) -> None:
    """Train one fold, in place of what is there of it; the memory is free afterwards.

    Where all are replaced, the other old folds go once the first new one is there: a setting that is wrong costs none.
    """
    import gc

    import torch

    train_config(fold.config, TrainRequest(**{**vars(request), "overwrite": not request.resume}))
    if is_first_rank():
        _remove_outdated(fold, request.overwrite)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _remove_outdated(fold: Fold, overwrite: bool) -> None:
    for path in (fold.folder.parent / EVALUATION_FOLDER).glob(f"{fold.folder.name}.jsonl*"):
        path.unlink()
    if overwrite and fold.folder.name == "fold_0":
        for older in fold.folder.parent.glob("fold_*"):
            if older != fold.folder and older.name.removeprefix("fold_").isdecimal():  # not a fold's refining
                shutil.rmtree(older, ignore_errors=True)


def _sentences(record: dict[str, Any]) -> list[str]:
    lines = [
        f"{run['run']}: its scores are left out, which are of {setting} = {json.dumps(value, ensure_ascii=False)}"
        for run in record["runs"]
        for setting, value in list(run.get("scores_left_out", {}).items())[:1]
    ]
    lines += [f"\n{record['folds']} folds, each on its own rows (mean, standard deviation over folds):"]
    spread = record["standard_deviation"]
    return lines + [f"  {name:<10} {value:7.3f}  {spread[name]:6.3f}" for name, value in record["mean"].items()]


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    if not is_first_rank():
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / FOLDS_FILE, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
