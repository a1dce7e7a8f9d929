"""The ensemble of folds: each fold's model summarizes `data.eval`, and the summary closest to the others is taken."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.schema import Config
from ...errors import YoyakError
from ...ranks.group import is_first_rank
from ..consensus import SCORE, choose_among
from ..model import with_model
from ..show_evaluation import print_evaluation
from .resume import EVALUATION_FOLDER

if TYPE_CHECKING:
    from rich.console import Console


def ensemble_of(runs: Sequence[Path], config: Config, folder: Path, console: "Console") -> dict[str, Any]:
    """Summarize `data.eval` with each run's model, choose by MBR, score, and write `folder/predictions.jsonl`.

    The summary with the highest mean `generation.mbr_metric` against those of the other folds is taken
    (`choose_among`). Returns what `folds.json` keeps: the ensemble's scores, each fold's ROUGE sum, and the
    difference between the ensemble and the mean fold with its interval over dialogues. Of several ranks the first one
    writes and speaks.
    """
    from ...data.files.sources import load_dialogues
    from ...inference.scored import write_predictions

    finals = {run.name: run / "final_model" for run in runs}
    for model in finals.values():
        if not model.is_dir():
            raise YoyakError(f"{model}: is missing; pass --overwrite to train the folds anew")
    models = {name: with_model(config, str(model)) for name, model in finals.items()}
    rows = load_dialogues(config.data.eval, config.data).rows[: config.data.max_eval_examples]
    found, columns = choose_among(models, rows, config, folder / EVALUATION_FOLDER, console)
    path, metric = folder / "predictions.jsonl", config.generation.mbr_metric
    if is_first_rank():
        write_predictions(path, rows, ensemble=columns.pop("consensus"), **columns)
        print_evaluation(found.result)
    gain = found.difference
    sentence = (
        f"Ensemble of {len(runs)} folds by MBR ({metric}): ROUGE sum {found.result.scores[SCORE].value:.2f}, "
        f"{gain.difference:+.2f} against the mean single fold's {found.mean:.2f} "
        f"(95% interval {gain.low:+.2f} to {gain.high:+.2f}, n = {gain.n})"
    )
    console.print(sentence, style="bold")
    return {
        "eval": config.data.eval,
        "metric": metric,
        "scores": found.result.run_scores(),
        "fold_rouge_sums": [single.scores[SCORE].value for single in found.singles],
        "mean_fold_rouge_sum": found.mean,
        "difference": gain.as_dict(),
        "taken_from": [found.chosen.count(fold) for fold in range(len(runs))],
        "predictions": str(path),
        "sentence": sentence,
    }
