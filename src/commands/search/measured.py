"""Models of a search that are loaded again: their summaries of dialogues, kept beside them, and the scores of these."""

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MemoryFullError, YoyakError
from ...files import write_atomic
from ...search.objective import mean_unsupported_facts, objective_scores
from .context import Search
from .memory import is_memory_full
from .trial import TrialScores

if TYPE_CHECKING:
    from ...data.files.sources import DialogueRow


DEV_SUMMARIES, TEST_SUMMARIES = "dev_summaries.json", "test_summaries.json"
"""Beside a model's folder: its summaries of the dialogues that are chosen on, and of those that nothing is."""


@dataclass(frozen=True)
class TrialSummaries:
    """A model's summaries, and of each whether it ended by itself."""

    summaries: list[str]
    ended: list[bool]


def dev_summaries(search: Search, model: Path) -> TrialSummaries:
    """Return a model's summaries of the dialogues that are chosen on; `model` is the folder of a run or an average."""
    predictions = model / "predictions.jsonl"  # of a trial, which wrote them at its end
    if predictions.is_file():
        lines = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
        return TrialSummaries([line["fine_tuned"] for line in lines], [line.get("ended", True) for line in lines])
    return _summaries(search, model, search.data.dev, DEV_SUMMARIES)


def test_summaries(search: Search, model: Path) -> TrialSummaries:
    """Return a model's summaries of the dialogues that nothing is chosen on."""
    return _summaries(search, model, search.data.test, TEST_SUMMARIES)


def scores_of(search: Search, summaries: Sequence[str], rows: "Sequence[DialogueRow]") -> TrialScores:
    """Return what summaries of rows score, with their facts where these are constrained."""
    settings, references = search.config.search, [row.summary for row in rows]
    scores = objective_scores(settings.objective, summaries, references, search.config.evaluation)
    if settings.most_unsupported_facts is None:
        return TrialScores(scores)
    return TrialScores(scores, mean_unsupported_facts(summaries, [row.dialogue for row in rows]))


def free_memory() -> None:
    """Give back what a model that is no longer used has taken."""
    import torch

    from ...models.cpu_memory import give_back_freed_memory

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    give_back_freed_memory()


def _summaries(search: Search, model: Path, rows: "Sequence[DialogueRow]", name: str) -> TrialSummaries:
    from ..console import create_console
    from ..generating import summaries
    from ..model import load_configured, with_model
    from ..saved_settings import load_saved

    kept = model / name
    if kept.is_file():
        known = json.loads(kept.read_text(encoding="utf-8"))
        if isinstance(known, list):  # an older version's, which kept no ends
            return TrialSummaries(known, [True] * len(known))
        return TrialSummaries(**known)
    final = model / "final_model"
    config = with_model(load_saved(final, []), str(final))
    try:
        loaded: Any = load_configured(config, create_console(quiet=True))
        generated = summaries(loaded, [row.dialogue for row in rows], lambda *_: None)
    except Exception as error:
        if isinstance(error, YoyakError) or not is_memory_full(error):
            raise
        raise MemoryFullError(
            f"{final}: memory ran out when it was to summarize; free some, and the same command goes on"
        ) from None
    made = TrialSummaries([one.text for one in generated], [one.ended for one in generated])
    del loaded
    free_memory()
    write_atomic(kept, json.dumps(vars(made), ensure_ascii=False))
    return made
