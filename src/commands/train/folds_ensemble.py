"""The ensemble of folds: each fold's model summarizes `data.eval`, and the summary closest to the others is taken."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.schema import Config
from ...errors import YoyakError
from ..generating import deciding_settings, fill
from ..show_evaluation import print_evaluation
from .resume import EVALUATION_FOLDER

if TYPE_CHECKING:
    from rich.console import Console

    from ...data.files.sources import DialogueRow
    from ...evaluation.result import EvaluationResult
    from ...evaluation.significance import PairedDifference
    from ...inference.row_formats import RowValues

_SCORE = "rouge_sum"


def ensemble_of(runs: Sequence[Path], config: Config, folder: Path, console: "Console") -> dict[str, Any]:
    """Summarize `data.eval` with each run's model, choose by MBR, score, and write `folder/predictions.jsonl`.

    The summary with the highest mean `generation.mbr_metric` against those of the other folds is taken
    (`choose_by_mbr`). Returns what `folds.json` keeps: the ensemble's scores, each fold's ROUGE sum, and the
    difference between the ensemble and the mean fold with its interval over dialogues.
    """
    from ...data.files.sources import load_dialogues
    from ...data.prompt.reasoning import without_reasoning
    from ...inference.mbr import choose_by_mbr
    from ...inference.scored import score_rows, write_predictions

    rows = load_dialogues(config.data.eval, config.data).rows[: config.data.max_eval_examples]
    made = [_summaries(run, rows, config, folder, console) for run in runs]
    candidates = [[without_reasoning(values[index]["summary"])[0] for values in made] for index in range(len(rows))]
    scoring, metric = config.evaluation, config.generation.mbr_metric
    chosen = choose_by_mbr(candidates, metric, scoring.tokenization, scoring.stemmer)
    picked = [made[fold][index] for index, fold in enumerate(chosen)]
    ensemble = score_rows(rows, *_texts_and_ends(picked), config)
    singles = [score_rows(rows, *_texts_and_ends(values), config, facts=False) for values in made]
    summaries = {run.name: _texts_and_ends(values)[0] for run, values in zip(runs, made, strict=True)}
    path = folder / "predictions.jsonl"
    write_predictions(path, rows, ensemble=_texts_and_ends(picked)[0], **summaries)
    print_evaluation(ensemble)
    found = difference_to_mean(ensemble, singles)
    mean = sum(single.scores[_SCORE].value for single in singles) / len(singles)
    sentence = (
        f"Ensemble of {len(runs)} folds by MBR ({metric}): ROUGE sum {ensemble.scores[_SCORE].value:.2f}, "
        f"{found.difference:+.2f} against the mean single fold's {mean:.2f} "
        f"(95% interval {found.low:+.2f} to {found.high:+.2f}, n = {found.n})"
    )
    console.print(sentence, style="bold")
    return {
        "eval": config.data.eval,
        "metric": metric,
        "scores": ensemble.run_scores(),
        "fold_rouge_sums": [single.scores[_SCORE].value for single in singles],
        "mean_fold_rouge_sum": mean,
        "difference": found.as_dict(),
        "taken_from": [chosen.count(fold) for fold in range(len(runs))],
        "predictions": str(path),
        "sentence": sentence,
    }


def difference_to_mean(ensemble: "EvaluationResult", singles: "Sequence[EvaluationResult]") -> "PairedDifference":
    """Return the ensemble's ROUGE sum less the mean of the single folds', paired by dialogue."""
    import numpy as np

    from ...evaluation.significance import paired_difference

    theirs = np.mean([single.per_dialogue[_SCORE] for single in singles], axis=0)
    return paired_difference(ensemble.per_dialogue[_SCORE], theirs)


def _summaries(
    run: Path, rows: "Sequence[DialogueRow]", config: Config, folder: Path, console: "Console"
) -> "list[RowValues]":
    """Return a fold's summaries of the rows; those that an earlier call saved are kept."""
    from ...inference.saved_rows import SavedRows

    model = run / "final_model"
    used = config.model_copy(deep=True)
    if config.lora.use_lora:
        used.lora.adapter = str(model)
    else:
        used.model.checkpoint = str(model)
    if not model.is_dir():
        raise YoyakError(f"{model}: is missing; pass --overwrite to train the folds anew")
    path = folder / EVALUATION_FOLDER / f"{run.name}.jsonl"
    columns = [
        {"fname": row.fname, "topic": row.topic, "dialogue": row.dialogue, "reference": row.summary} for row in rows
    ]
    made_by = (columns, ("summary", "ended"), deciding_settings(used))
    try:
        saved = SavedRows(path, *made_by)
    except YoyakError:  # of other rows or settings of generation: nothing that a new pass does not give back
        saved = SavedRows(path, *made_by, overwrite=True)
    console.print(f"{run.name}: {config.data.eval}", style="dim")
    fill(saved, [row.dialogue for row in rows], used, console, lambda g: {"summary": g.written, "ended": g.ended})
    return [saved.done[index] for index in range(len(rows))]


def _texts_and_ends(values: "Sequence[RowValues]") -> tuple[list[str], list[bool]]:
    return [row["summary"] for row in values], [bool(row["ended"]) for row in values]
