"""What is told of drawn summaries: their rewards, and what shows a reward that is gamed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ...data.prompt.reasoning import without_reasoning
from ...evaluation.copying import repeated_share
from ...inference.decoding import answer_text
from .reward import Reward


@dataclass(frozen=True)
class Written:
    """A summary: its ids with the end, its text without, and whether it ended by itself."""

    ids: list[int]
    text: str
    ended: bool


def written_of(ids: list[int], tokenizer: Any, end_ids: Collection[int]) -> Written:
    """Return the summary that ids are, without the reasoning in it."""
    text, _ = without_reasoning(answer_text(tokenizer, ids, end_ids))
    return Written(ids, text, not set(end_ids).isdisjoint(ids))


def means(rewards: Sequence[Reward]) -> dict[str, float]:
    """Return means: reward, score, the share of the references' facts that is kept, unsupported ones a summary, and the
    share of words that are copied in runs of three or more.
    """
    count = len(rewards)
    return {
        "reward": sum(one.total for one in rewards) / count,
        "score": sum(one.score for one in rewards) / count,
        "facts_kept": sum(one.kept for one in rewards) / max(sum(one.facts for one in rewards), 1),
        "facts_unsupported": sum(one.unsupported for one in rewards) / count,
        "copied": sum(one.copied for one in rewards) / count,
    }


def looks(written: Sequence[Written]) -> dict[str, float]:
    """Return what shows a reward that is gamed: the share that ended, words, and the share of repeated 3-grams."""
    repeated = [repeated_share(one.text.split()) for one in written]
    return {
        "ended": sum(one.ended for one in written) / len(written),
        "words": sum(len(one.text.split()) for one in written) / len(written),
        "repeated": sum(repeated) / len(repeated),
    }
