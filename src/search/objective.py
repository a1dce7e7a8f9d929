"""What a search makes as high as possible: a score of each evaluation dialogue's summary."""

from collections.abc import Sequence

import numpy as np

from ..config.schema import Config, EvaluationSettings
from ..config.search import Objective
from ..errors import YoyakError
from ..evaluation.chrf import chrf_score, chrf_statistics
from ..evaluation.facts import find_facts, unsupported_facts
from ..evaluation.rouge import score_summaries
from ..evaluation.tokenizations import has_hangul, tokenize_pairs

_OF_KOREAN = ("morpheme", "content", "mecab")


def objective_scores(
    objective: Objective, summaries: Sequence[str], references: Sequence[str], how: EvaluationSettings
) -> list[float]:
    """Return the score of each summary, times 100; a ROUGE sum up to 300."""
    if objective == "chrf":
        statistics = chrf_statistics(summaries, [[reference] for reference in references])
        return [float(score) for score in chrf_score(statistics)]
    return list(score_summaries(summaries, references, how.tokenization, how.stemmer).per_dialogue[objective])


def mean_unsupported_facts(summaries: Sequence[str], dialogues: Sequence[str]) -> float:
    """Return how many facts a summary says, in the mean, that its dialogue does not hold."""
    return float(np.mean([len(found) for found in unsupported_facts(find_facts(summaries), dialogues)]))


def refuse_objective(config: Config, references: Sequence[str]) -> None:
    """Raise YoyakError where references can't be scored as the config says, or hold nothing that is constrained."""
    how, source = config.evaluation, config.data.eval
    if how.tokenization in _OF_KOREAN and not any(map(has_hangul, references)):
        raise YoyakError(
            f"{source}: search.objective can't be counted by evaluation.tokenization={how.tokenization}: no summary "
            "has Hangul; set evaluation.tokenization=word"
        )
    if config.search.objective != "chrf":
        pairs = [(reference, reference) for reference in references]
        empty = sum(not tokens for tokens, _ in tokenize_pairs(pairs, how.tokenization, how.stemmer))
        if 2 * empty >= len(references):
            raise YoyakError(
                f"{source}: search.objective={config.search.objective}: {empty} of {len(references)} summaries have no "
                f"tokens under evaluation.tokenization={how.tokenization}; set evaluation.tokenization=word"
            )
    if config.search.most_unsupported_facts is not None and not any(find_facts(references)):
        raise YoyakError(
            f"{source}: search.most_unsupported_facts: no summary has a number, date or name; leave it out"
        )
