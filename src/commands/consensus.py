"""Of several models' summaries of a dialogue the one that is closest to the others (MBR): folds, checkpoints, runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.schema import Config
from ..errors import YoyakError
from ..ranks.group import agreed
from .generating import fill, growing_rows
from .kept_summaries import COLUMNS, KeptSummaries, read_back, values_of

if TYPE_CHECKING:
    from rich.console import Console

    from ..data.files.sources import DialogueRow
    from ..evaluation.result import EvaluationResult
    from ..evaluation.significance import PairedDifference
    from ..inference.row_formats import RowValues

SCORE = "rouge_sum"


@dataclass(frozen=True)
class Consensus:
    """What several models wrote, and what was chosen of it.

    Attributes:
        chosen: of each row, the place of the model whose summary was taken.
        result: the scores of what was chosen.
        singles: the scores of each model's own.
        difference: of the ROUGE sum, against the mean single model's, paired by dialogue.
    """

    chosen: list[int]
    result: "EvaluationResult"
    singles: "list[EvaluationResult]"
    difference: "PairedDifference"

    @property
    def mean(self) -> float:
        """Return the mean of the single models' ROUGE sums."""
        return sum(single.scores[SCORE].value for single in self.singles) / len(self.singles)


def choose_among(
    models: Mapping[str, Config],
    rows: "Sequence[DialogueRow]",
    config: Config,
    folder: Path,
    console: "Console",
    baseline: Sequence[str] | None = None,
    facts: bool = True,
) -> tuple[Consensus, dict[str, list[str]]]:
    """Summarize rows with each model, choose by `generation.mbr_metric`, and score the choice and each model alone.

    Args:
        models: the settings that each is asked with, and that name it; a name is that of a file in `folder` too.
        rows: dialogues with references.
        config: the settings of the choice and the scores.
        folder: summaries that an earlier call saved there are kept.
        console: where progress is said.
        baseline: another system's summaries of the rows, to compare the choice with.
        facts: whether facts that the dialogue does not hold are looked for.

    Returns:
        The consensus, and texts by column, ready to be written: `consensus` and each model's. All ranks get both.
    """
    made = {name: _summaries(name, used, rows, folder, console) for name, used in models.items()}
    return agreed(lambda: _chosen(made, rows, config, baseline, facts))


def _chosen(
    made: "Mapping[str, Sequence[RowValues]]",
    rows: "Sequence[DialogueRow]",
    config: Config,
    baseline: Sequence[str] | None,
    facts: bool,
) -> tuple[Consensus, dict[str, list[str]]]:
    """As `choose_among`, of what the models have made of each row."""
    from ..data.prompt.reasoning import without_reasoning
    from ..inference.mbr import choose_ended_by_mbr
    from ..inference.scored import score_rows

    lists = list(made.values())
    kept = [read_back(values) for values in lists]
    texts = [its.texts for its in kept]
    candidates = [[without_reasoning(text)[0] for text in its] for its in zip(*texts, strict=True)]
    scoring, metric = config.evaluation, config.generation.mbr_metric
    ended = list(zip(*(its.ended for its in kept), strict=True))
    chosen = choose_ended_by_mbr(candidates, ended, metric, scoring.tokenization, scoring.stemmer)
    picked = read_back([lists[place][index] for index, place in enumerate(chosen)])

    def score(its: KeptSummaries, facts: bool, baseline: Sequence[str] | None = None) -> "EvaluationResult":
        return score_rows(rows, its.texts, its.ended, config, baseline, facts, its.looped)

    result, singles = score(picked, facts, baseline), [score(its, facts=False) for its in kept]
    columns = {"consensus": picked.texts} | dict(zip(made, texts, strict=True))
    return Consensus(chosen, result, singles, difference_to_mean(result, singles)), columns


def difference_to_mean(ensemble: "EvaluationResult", singles: "Sequence[EvaluationResult]") -> "PairedDifference":
    """Return the ensemble's ROUGE sum less the mean of the single models', paired by dialogue."""
    import numpy as np

    from ..evaluation.significance import paired_difference

    theirs = np.mean([single.per_dialogue[SCORE] for single in singles], axis=0)
    return paired_difference(ensemble.per_dialogue[SCORE], theirs)


def _summaries(
    name: str, used: Config, rows: "Sequence[DialogueRow]", folder: Path, console: "Console"
) -> "list[RowValues]":
    """Return a model's summaries of the rows; those that an earlier call saved are kept."""
    columns = [
        {"fname": row.fname, "topic": row.topic, "dialogue": row.dialogue, "reference": row.summary} for row in rows
    ]
    path = folder / f"{name}.jsonl"
    try:
        saved = growing_rows(path, columns, COLUMNS, used)
    except YoyakError:  # of other rows or settings of generation: nothing that a new pass does not give back
        saved = growing_rows(path, columns, COLUMNS, used, overwrite=True)
    console.print(f"{name}:", style="dim")
    dialogues = [row.dialogue for row in rows]
    fill(saved, dialogues, used, console, values_of, of_one_model=False)
    return agreed(lambda: [saved.done[index] for index in range(len(rows))])
