"""What a drawn summary is worth: its score against the references, and its facts, in worker processes.

The score is the ROUGE (0 to 300 for the sum) or chrF that the run is judged by, under the same tokenization. Facts are
the reference's numbers, dates and names that the summary keeps, less those in it that the dialogue does not hold, as a
share of the reference's (`evaluation.facts`). A summary that ran into the length limit gets nothing, or what is less:
at 0, one without an end would be worth more than one whose facts no dialogue holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...evaluation.chrf import chrf_score, chrf_statistics
from ...evaluation.copying import copied_runs_share
from ...evaluation.facts import find_facts, unsupported_facts
from ...evaluation.rouge import score_summaries
from ...evaluation.tokenizations import Tokenization, tokenize_pairs
from ...evaluation.workers import ScoringWorkers

RewardMetric = Literal["rouge_sum", "rouge1", "rouge2", "rougeL", "chrf"]


@dataclass(frozen=True)
class RewardRule:
    """How rewards are made: the metric with its tokenization, and what facts count for, in points of the metric."""

    metric: RewardMetric
    tokenization: Tokenization
    stemmer: bool
    facts_weight: float


@dataclass(frozen=True)
class Drawn:
    """The summaries that were drawn for a dialogue, whether each one ended, and what they are judged by."""

    dialogue: str
    references: tuple[str, ...]
    summaries: tuple[str, ...]
    ended: tuple[bool, ...]


@dataclass(frozen=True)
class Reward:
    """A summary's reward, and its parts: score, facts kept and of how many, facts that the dialogue does not hold.

    `copied` has no part in it: the share of the summary's words that lie in runs of three or more of the dialogue's.
    """

    total: float
    score: float
    kept: int
    facts: int
    unsupported: int
    copied: float


def reward(drawn: Sequence[Drawn], rule: RewardRule) -> list[list[Reward]]:
    """Return the reward of each summary of some dialogues."""
    rows = [(one, number) for one in drawn for number in range(len(one.summaries))]
    summaries = [one.summaries[number] for one, number in rows]
    scores = _scores(summaries, [list(one.references) for one, _ in rows], rule)
    wanted = dict(zip(drawn, find_facts([one.references[0] for one in drawn]), strict=True))
    of_rows = [wanted[one] for one, _ in rows]
    lost = unsupported_facts(of_rows, summaries)
    unsupported = unsupported_facts(find_facts(summaries), [one.dialogue for one, _ in rows])
    copied = [
        copied_runs_share(*pair) for pair in tokenize_pairs([(one.summaries[at], one.dialogue) for one, at in rows])
    ]
    counts = [tuple(map(len, its)) for its in zip(of_rows, lost, unsupported, strict=True)]
    found = iter(
        _reward(one.ended[number], score, its, share, rule.facts_weight)
        for (one, number), score, its, share in zip(rows, scores, counts, copied, strict=True)
    )
    return [[next(found) for _ in one.summaries] for one in drawn]


def _reward(ended: bool, score: float, counts: tuple[int, ...], copied: float, weight: float) -> Reward:
    facts, lost, unsupported = counts
    total = score + weight * (facts - lost - unsupported) / max(facts, 1)
    return Reward(total if ended else min(total, 0.0), score, facts - lost, facts, unsupported, copied)


def _scores(summaries: Sequence[str], references: Sequence[list[str]], rule: RewardRule) -> list[float]:
    if rule.metric == "chrf":
        return [float(score) for score in chrf_score(chrf_statistics(list(summaries), references))]
    scores = score_summaries(summaries, references, rule.tokenization, rule.stemmer)
    return list(scores.per_dialogue[rule.metric])


class Rewarder(ScoringWorkers):
    """Worker processes that make rewards; a context."""

    def __init__(self, rule: RewardRule, workers: int | None = None) -> None:
        """Start no process yet; `workers` as in `ScoringWorkers`."""
        super().__init__("rewards", workers)
        self.rule = rule

    def __call__(self, drawn: Sequence[Drawn]) -> list[list[Reward]]:
        """Return the reward of each summary of some dialogues.

        Raises:
            YoyakError: a worker died, hangs, or can't score a summary.
        """
        return self.map(reward, drawn, self.rule)
