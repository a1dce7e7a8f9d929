"""Scoring a model: generate a summary of each dialogue, compare with the references."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config.schema import Config
from ..data.files.sources import DialogueRow
from ..data.prompt.templates import PromptTemplate
from ..data.prompt.truncation import TruncationCounts
from ..evaluation.result import EvaluationResult, score_report
from ..evaluation.rouge import RougeScores, score_summaries
from ..files import written_beside
from ..models.generation_settings import end_ids_of
from .generator import generate_summaries, settled
from .mbr_start import start_samples
from .mbr_temperature import DIALOGUES


@dataclass(frozen=True)
class Evaluation:
    """Generated summaries in the order of the rows, and their scores."""

    summaries: list[str]
    scores: RougeScores
    ended: list[bool]
    """Of each summary, whether it ended by itself (False: it ran into `decoder_max_len`)."""
    reasoning_removed: int = 0
    """Summaries out of which reasoning in tags was left."""
    mbr_temperature: float | None = None
    """At which the samples were drawn that the summaries were chosen from; None without MBR."""
    looped: int = 0
    """Summaries that ended in a loop."""

    @property
    def unended(self) -> int:
        """Return how many summaries ran into `decoder_max_len`."""
        return self.ended.count(False)


def evaluate_model(
    model: Any,
    tokenizer: Any,
    prompt: PromptTemplate,
    rows: Sequence[DialogueRow],
    config: Config,
    on_progress: Callable[[int], None] = lambda _: None,
    start_folder: Path | None = None,
) -> Evaluation:
    """Return generated summaries of `rows` with their scores, as `config.generation` and `config.evaluation` say.

    `on_progress` is called with 1 for each summary; `start_folder` is the adapter whose samples MBR compares with too.
    """
    dialogues = [row.dialogue for row in rows]
    prompts = replace(prompt, counts=TruncationCounts()).encode_prompts(dialogues[:DIALOGUES])  # counted below
    how = settled(config.generation, model, tokenizer, prompts, prompt.end_id, prompt.decoder_max_len)
    start = None
    if start_folder is not None and prompts:
        ends, most = end_ids_of(model, prompt.end_id), prompt.decoder_max_len
        say = logging.getLogger("yoyak").info
        start = start_samples(start_folder, model, tokenizer, prompts, how, ends, most, say)
    generated = generate_summaries(
        model, tokenizer, prompt, dialogues, how, lambda *_: on_progress(1), config.evaluation, start
    )
    summaries = [result.text for result in generated]
    settings = config.evaluation
    scores = score_summaries(summaries, [row.summary for row in rows], settings.tokenization, settings.stemmer)
    reasoned = sum(result.with_reasoning is not None for result in generated)
    temperature = how.mbr_temperature if how.mbr_samples and how.mbr_temperature != "auto" else None
    looped = sum(result.looped for result in generated)
    return Evaluation(summaries, scores, [result.ended for result in generated], reasoned, temperature, looped)


def score_rows(
    rows: Sequence[DialogueRow],
    summaries: Sequence[str],
    ended: Sequence[bool] | None,
    config: Config,
    baseline: Sequence[str] | None = None,
    facts: bool = True,
    looped: Sequence[bool] | None = None,
) -> EvaluationResult:
    """Score the summaries of `rows` against their references, as `score_report` does with the rows' dialogues."""
    return score_report(
        [row.fname for row in rows],
        summaries,
        [row.summary for row in rows],
        config.evaluation.tokenization,
        config.evaluation.stemmer,
        baseline=baseline,
        dialogues=[row.dialogue for row in rows],
        ended=ended,
        looped=looped,
        facts=facts,
    )


def write_predictions(path: Path, rows: Sequence[DialogueRow], **columns: Sequence[str | bool]) -> None:
    """Write a JSON line for each row: its own fields and one for each named list, of summaries or what is of them."""
    with written_beside(path) as beside, beside.open("w", encoding="utf-8") as file:
        for index, row in enumerate(rows):
            own = {"fname": row.fname, "topic": row.topic, "dialogue": row.dialogue, "summary": row.summary}
            line = own | {name: values[index] for name, values in columns.items()}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
