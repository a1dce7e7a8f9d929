"""`yoyak evaluate --experiment E [--adapter A]`: summaries of a model, saved as they come, and their scores."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.schema import Config, DataSettings
from ..config.typed import typed_path
from ..config.unread import refuse_unread_by_scoring
from ..errors import YoyakError
from ..evaluation.tokenizations import need_analyser
from ..ranks.group import is_first_rank
from .generating import fill, growing_rows, speaking_console
from .kept_summaries import COLUMNS, read_back, values_of
from .model import config_for_use, is_trained
from .several import ONE, Several
from .together import as_asked
from .train.resume import EVALUATION_FOLDER

if TYPE_CHECKING:
    from rich.console import Console

    from ..data.files.sources import DialogueRow


@dataclass(frozen=True)
class ModelEvaluation:
    """A model to score: what loads it, on which dialogues, and where its summaries go (None: the run's folder).

    `baseline` is a file of another system's summaries to compare with, in `baseline_column` (None: `summary`).
    `several` processes share the work, each started with `arguments`.
    """

    experiment: str | None
    adapter: str | None
    overrides: Sequence[str] = ()
    split: str = "dev"
    zero_shot: bool = False
    out: Path | None = None
    overwrite: bool = False
    spreadsheet: bool = False
    also: Sequence[str] = ()
    """Further models; of each dialogue's summaries the one closest to the others is scored."""
    baseline: Path | None = None
    baseline_column: str | None = None
    several: Several = ONE
    arguments: Sequence[str] = ()


def evaluate_experiment(request: ModelEvaluation, facts: bool, as_json: bool) -> None:
    """Generate the summaries that the file of predictions lacks, and score all of them.

    Raises:
        YoyakError: model, data or the file can't be used, or see `as_asked`.
        SystemExit: see `as_asked`.
    """
    from ..data.files.sources import load_dialogues

    config = config_for_use(request.experiment, request.adapter, list(request.overrides), request.zero_shot)
    need_analyser(config.evaluation.tokenization)
    source, most = split_source(config, request.split)
    refuse_unread_by_scoring(request.overrides, request.split)
    rows = load_dialogues(source, config.data).rows[:most]
    baseline, notes = None, list[str]()
    if request.baseline is not None:
        baseline = read_baseline(request.baseline, request.baseline_column, rows, source, notes, config.data)
    with as_asked(request.several, request.arguments, config.training.rank_timeout):
        for note in notes:
            speaking_console().print(note, style="yellow")
        evaluate = _evaluate_together if request.also else _evaluate
        evaluate(config, request, rows, baseline, facts, as_json)


def _evaluate(
    config: Config,
    request: ModelEvaluation,
    rows: "Sequence[DialogueRow]",
    baseline: Sequence[str] | None,
    facts: bool,
    as_json: bool,
) -> None:
    """Score one model."""
    from ..evaluation.joining import is_same_file
    from ..inference.scored import score_rows
    from .show_evaluation import print_evaluation

    console = speaking_console()
    _say_what_is_scored(config, request, console)
    path = request.out or predictions_path(config, request.split)
    if request.baseline and is_same_file(str(path), str(request.baseline)):
        raise YoyakError(f"--baseline {request.baseline}: holds the summaries that are scored; name another file")
    saved = growing_rows(
        path,
        [{"fname": r.fname, "topic": r.topic, "dialogue": r.dialogue, "reference": r.summary} for r in rows],
        COLUMNS,
        config,
        request.overwrite,
        request.spreadsheet,
    )
    fill(saved, [row.dialogue for row in rows], config, console, values_of)
    if not is_first_rank():
        return
    console.print(f"Summaries: {saved.path}", style="dim")
    made = read_back([saved.done[index] for index in range(len(rows))])
    result = score_rows(rows, made.texts, made.ended, config, baseline, facts, made.looped)
    print_evaluation(result, as_json)


def _evaluate_together(
    config: Config,
    request: ModelEvaluation,
    rows: "Sequence[DialogueRow]",
    baseline: Sequence[str] | None,
    facts: bool,
    as_json: bool,
) -> None:
    """Score, of each dialogue's summaries by several models, the one that is closest to the others."""
    from ..inference.scored import write_predictions
    from .consensus import SCORE, choose_among
    from .show_evaluation import print_evaluation

    console = speaking_console()
    folder = predictions_path(config, request.split).parent / request.split
    path = request.out or folder.with_name(f"{request.split}_together.jsonl")
    if request.out and path.exists() and not request.overwrite:
        raise YoyakError(f"--out {path}: is there already; pass --overwrite to replace it")
    models = _asked_together(request)
    found, columns = choose_among(models, rows, config, folder, console, baseline, facts)
    if not is_first_rank():
        return
    write_predictions(path, rows, **columns)
    console.print(f"Summaries: {path}", style="dim")
    print_evaluation(found.result, as_json)
    gain = found.difference
    console.print(
        f"Of {len(models)} models by MBR ({config.generation.mbr_metric}): ROUGE sum "
        f"{found.result.scores[SCORE].value:.2f}, "
        f"{gain.difference:+.2f} against the mean single model's {found.mean:.2f} "
        f"(95% interval {gain.low:+.2f} to {gain.high:+.2f}, n = {gain.n}), for {len(models)} times the work",
        style="bold",
    )


def _asked_together(request: ModelEvaluation) -> dict[str, Config]:
    """Return the settings of the models that are asked together, by names that can be columns and files.

    Each is asked as its own run says, but for what the command line names: `--experiment` names all of it.
    """
    if request.adapter is None:
        raise YoyakError("--also names further models beside --adapter; name the first one there")
    if request.zero_shot:
        raise YoyakError("--also chooses among trained models; leave --zero-shot out")
    if request.spreadsheet:
        raise YoyakError("--also writes JSON Lines; leave --spreadsheet out")
    models: dict[str, Config] = {}
    for text in (request.adapter, *request.also):
        model = Path(os.path.expanduser(text))
        if not model.is_dir():
            raise YoyakError(f"--also {text}: no such folder; name that of an adapter, such as a checkpoint of a run")
        name = "_".join(part for part in model.parts if part not in ("/", ".", "..", "outputs"))
        if name in models:
            raise YoyakError(f"--also {text}: is named twice")
        models[name] = config_for_use(request.experiment, str(model), list(request.overrides))
    return models


def read_baseline(
    path: Path,
    column: str | None,
    rows: "Sequence[DialogueRow]",
    source: str,
    notes: list[str],
    settings: DataSettings | None = None,
) -> list[str]:
    """Return another system's summaries of `rows`, joined by their ids or dialogues; the file may hold more than these.

    `source` is the file of the rows; `notes` gets what is odd about those of the baseline.

    Raises:
        YoyakError: the file can't be read, has no ids or no such column, lacks one of the rows, or has other dialogues
            under the same ids.
    """
    from ..evaluation.joining import rows_of_ids
    from ..evaluation.summary_files import summaries_of
    from ..evaluation.summary_table import read_summaries

    table = read_summaries(str(path), settings)
    order = rows_of_ids(table, [row.fname for row in rows], [row.dialogue for row in rows])
    notes += order.notes(str(path), source)
    texts = summaries_of(table, column, "--baseline-column", notes)
    return [texts[place] for place in order.rows]


def split_source(config: Config, split: str) -> tuple[str, int | None]:
    """Return the file of `dev` or `train` and how many of its first dialogues count."""
    sources = {
        "dev": (config.data.eval, config.data.max_eval_examples),
        "train": (config.data.train, config.data.max_train_examples),
    }
    if split not in sources:
        raise YoyakError(f"--split {split}: choose dev (data.eval) or train (data.train)")
    return sources[split]


def predictions_path(config: Config, split: str) -> Path:
    """Return where the summaries of a split go: `outputs/NAME/evaluation/dev.jsonl`, the base model's apart."""
    name = split if is_trained(config) else f"{split}_zero_shot"
    return config.experiment.run_dir / EVALUATION_FOLDER / f"{name}.jsonl"


def _say_what_is_scored(config: Config, request: ModelEvaluation, console: "Console") -> None:
    """Where no adapter was named, say that the base model is scored, and which adapter could have been meant."""
    own = config.experiment.run_dir / "final_model"
    if not is_trained(config) and not request.zero_shot and own.is_dir():
        note = f"No adapter is named: the base model is scored. For the trained one: --adapter {typed_path(own)}"
        console.print(note, style="yellow")
