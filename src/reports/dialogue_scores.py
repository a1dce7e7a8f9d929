"""ROUGE sums of a run's single dialogues, from its `predictions.jsonl`, scored as `run.json` says."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..evaluation.rouge import score_summaries
from ..evaluation.tokenizations import TOKENIZATIONS, Tokenization
from ..runs.json_lines import Prediction
from ..runs.outcomes import StageScores
from ..runs.read import Run


@dataclass(frozen=True)
class DialogueScores:
    """The dialogues that have a reference and a summary, and their ROUGE sums; None for a stage that lacks some."""

    predictions: list[Prediction]
    before: tuple[float, ...] | None
    after: tuple[float, ...] | None

    @property
    def last(self) -> tuple[float, ...]:
        """The sums after training, before it where there are no others."""
        return self.after or self.before or ()


def counted_by(scores: StageScores | None) -> tuple[Tokenization, bool]:
    """Return the tokenization and the stemmer of recorded scores, by default words without a stemmer."""
    tokenization = scores.tokenization if scores and scores.tokenization in TOKENIZATIONS else "word"
    return tokenization, bool(scores and scores.stemmer)


def dialogue_scores(run: Run) -> DialogueScores:
    """Return the ROUGE sums of each dialogue before and after training."""
    how = counted_by(run.record.scores.fine_tuned or run.record.scores.zero_shot)
    rows = [row for row in run.predictions if row.summary and (row.fine_tuned is not None or row.zero_shot is not None)]
    references = [row.summary or "" for row in rows]
    before = _sums([row.zero_shot for row in rows], references, *how)
    return DialogueScores(rows, before, _sums([row.fine_tuned for row in rows], references, *how))


def _sums(
    texts: Sequence[str | None], references: Sequence[str], tokenization: Tokenization, stemmer: bool
) -> tuple[float, ...] | None:
    whole = [text for text in texts if text is not None]
    if not whole or len(whole) < len(texts):
        return None
    return tuple(score_summaries(whole, references, tokenization, stemmer).per_dialogue["rouge_sum"])
