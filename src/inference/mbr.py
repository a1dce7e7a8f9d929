"""Minimum Bayes risk: of several summaries of a dialogue, the one that is closest to the others."""

from collections.abc import Sequence
from itertools import combinations, permutations
from typing import Literal

from ..errors import YoyakError
from ..evaluation.chrf import chrf_score, chrf_statistics
from ..evaluation.rouge import score_tokens
from ..evaluation.tokenizations import Tokenization, tokenize_pairs

MbrMetric = Literal["rouge_sum", "chrf"]


def choose_by_mbr(
    candidates: Sequence[Sequence[str]],
    metric: MbrMetric = "rouge_sum",
    tokenization: Tokenization = "word",
    stemmer: bool = False,
) -> list[int]:
    """Return, for each dialogue, the index of the summary with the highest mean score against its other ones.

    The candidates are both what is chosen from and the sample of what the model expects (Eikema & Aziz, "Is MAP
    Decoding All You Need?", 2020, with the candidate itself left out). One that occurs twice counts twice. Of equal
    ones the first is taken.

    Args:
        candidates: the summaries of each dialogue, at least one.
        metric: `rouge_sum` (ROUGE-1 + ROUGE-2 + ROUGE-L F1) or `chrf`.
        tokenization: what ROUGE counts.
        stemmer: Porter stemmer for English words, in ROUGE.

    Raises:
        YoyakError: a dialogue has no candidate, or the metric or tokenization is unknown.
    """
    for number, texts in enumerate(candidates, start=1):
        if not texts:
            raise YoyakError(f"dialogue {number} has no summary to choose from; give it at least one")
    ordered = permutations if metric == "chrf" else combinations  # F1 is the same both ways
    pairs = list(dict.fromkeys(pair for texts in candidates for pair in ordered(texts, 2)))
    if not pairs:
        return [0] * len(candidates)
    score = dict(zip(pairs, _scores(pairs, metric, tokenization, stemmer), strict=True))
    if metric != "chrf":
        score |= {(other, text): value for (text, other), value in score.items()}
    return [_closest(texts, score) for texts in candidates]


def _closest(texts: Sequence[str], score: dict[tuple[str, str], float]) -> int:
    totals = [
        sum(score[text, other] for position, other in enumerate(texts) if position != index)
        for index, text in enumerate(texts)
    ]
    return totals.index(max(totals))


def _scores(
    pairs: Sequence[tuple[str, str]], metric: MbrMetric, tokenization: Tokenization, stemmer: bool
) -> list[float]:
    """Return the score of the first text of each pair against the second."""
    if metric == "rouge_sum":
        return [sum(score_tokens(*tokens)) for tokens in tokenize_pairs(pairs, tokenization, stemmer)]
    if metric == "chrf":
        statistics = chrf_statistics([text for text, _ in pairs], [[other] for _, other in pairs])
        return [float(score) for score in chrf_score(statistics)]
    raise YoyakError(f"unknown metric '{metric}' for MBR; choose rouge_sum or chrf")
