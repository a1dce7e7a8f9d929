"""Models of a search that are loaded again: their summaries of dialogues, kept beside them, and the scores of these."""

import gc
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...files import write_atomic
from ...search.objective import mean_unsupported_facts, objective_scores
from .context import Search
from .trial import TrialScores

if TYPE_CHECKING:
    from ...data.files.sources import DialogueRow


DEV_SUMMARIES, TEST_SUMMARIES = "dev_summaries.json", "test_summaries.json"
"""Beside a model's folder: its summaries of the dialogues that are chosen on, and of those that nothing is."""


def dev_summaries(search: Search, model: Path) -> list[str]:
    """Return a model's summaries of the dialogues that are chosen on; `model` is the folder of a run or an average."""
    predictions = model / "predictions.jsonl"  # of a trial, which wrote them at its end
    if predictions.is_file():
        lines = predictions.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["fine_tuned"] for line in lines]
    return _summaries(search, model, search.data.dev, DEV_SUMMARIES)


def test_summaries(search: Search, model: Path) -> list[str]:
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


def _summaries(search: Search, model: Path, rows: "Sequence[DialogueRow]", name: str) -> list[str]:
    from ..console import create_console
    from ..generating import summaries
    from ..model import load_configured
    from ..saved_settings import load_saved

    kept = model / name
    if kept.is_file():
        known: list[str] = json.loads(kept.read_text(encoding="utf-8"))
        return known
    final = model / "final_model"
    config = load_saved(final, [])
    if config.lora.use_lora:
        config.lora.adapter = str(final)
    else:
        config.model.checkpoint = str(final)
    loaded: Any = load_configured(config, create_console(quiet=True))
    made = [one.text for one in summaries(loaded, [row.dialogue for row in rows], lambda *_: None)]
    del loaded
    free_memory()
    write_atomic(kept, json.dumps(made, ensure_ascii=False))
    return made
