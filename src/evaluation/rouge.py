"""ROUGE-1, ROUGE-2 and ROUGE-L F1 (x100), for Korean and English, with the tokenization declared beside the score.

Formulas: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004. On English the figures equal those of the
package `rouge_score`; what counts as a token is in `tokenizations.py`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import fsum
from typing import Literal, TypeAlias, get_args

from ..bilingual import count
from ..errors import YoyakError
from .tokenizations import Tokenization, analyser_of, tokenize_pairs

Multi: TypeAlias = Literal["mean", "best"]
"""How several references of a dialogue count."""
MULTI: tuple[Multi, ...] = get_args(Multi)
METRICS = ("rouge1", "rouge2", "rougeL", "rouge_sum", "rouge_mean")
RougeTriple = tuple[float, float, float]
"""ROUGE-1, ROUGE-2 and ROUGE-L F1 of one dialogue, each 0 to 100."""


@dataclass(frozen=True)
class RougeScores:
    """Mean scores over dialogues (F1 x100), and what they were counted on.

    `rouge_sum` is the plain sum of the three, `rouge_mean` a third of it. `per_dialogue` holds the scores of each
    dialogue by the names in `METRICS`, in the order of the predictions.
    """

    rouge1: float
    rouge2: float
    rougeL: float
    rouge_sum: float
    tokenization: Tokenization
    stemmer: bool
    n: int
    per_dialogue: dict[str, tuple[float, ...]] = field(repr=False)

    @property
    def rouge_mean(self) -> float:
        """The mean of the three, as Korean leaderboards report it."""
        return self.rouge_sum / 3

    def as_dict(self) -> dict[str, float | int | str | bool | None]:
        """Return the means and the settings, ready for JSON."""
        means = {metric: getattr(self, metric) for metric in METRICS}
        counted = {"tokenization": self.tokenization, "analyser": analyser_of(self.tokenization)}
        return means | counted | {"stemmer": self.stemmer, "n": self.n}

    def __str__(self) -> str:
        """Return one line for people, the tokenization always with the figures."""
        counted = counted_as(self.tokenization, self.stemmer)
        scores = f"ROUGE-1 {self.rouge1:.2f}, ROUGE-2 {self.rouge2:.2f}, ROUGE-L {self.rougeL:.2f}"
        return (
            f"{scores}, sum {self.rouge_sum:.2f}, mean {self.rouge_mean:.2f} ({counted}; {count(self.n, 'dialogue')})"
        )


def counted_as(tokenization: str, stemmer: bool | None) -> str:
    """Return in words what a score counts, and what cut its texts: `morpheme, kiwipiepy 0.24.1, ...`."""
    stemmed = "stemmed" if stemmer and tokenization != "char" else None  # letters have no stems
    return ", ".join(filter(None, (tokenization, analyser_of(tokenization), stemmed)))


def score_summaries(
    predictions: Sequence[str],
    references: Sequence[str | Sequence[str]],
    tokenization: Tokenization = "word",
    stemmer: bool = False,
    multi: Multi = "mean",
) -> RougeScores:
    """Score each prediction against its reference, or against several.

    A dialogue has one prediction and a reference, or a list of several, which count by their mean or, as in
    `rouge_score.score_multi`, by the best one for each metric. `stemmer` is Porter's, for English words. A text without
    tokens scores 0.

    Raises:
        YoyakError: no predictions, another number of references, something that is not text, or an unknown
            `tokenization` or `multi`.
    """
    if multi not in MULTI:
        raise YoyakError(f"unknown way to count several references '{multi}'; choose {' or '.join(MULTI)}")
    listed = list_references(predictions, references)
    pairs = [(text, reference) for text, its in zip(predictions, listed, strict=True) for reference in its]
    scores = iter([score_tokens(*tokens) for tokens in tokenize_pairs(pairs, tokenization, stemmer)])
    rows = [_combined([next(scores) for _ in its], multi) for its in listed]

    columns = [tuple(column) for column in zip(*rows, strict=True)]
    rouge1, rouge2, rouge_l = (fsum(column) / len(rows) for column in columns)
    sums = tuple(sum(row) for row in rows)
    columns += [sums, tuple(total / 3 for total in sums)]
    means = rouge1, rouge2, rouge_l, rouge1 + rouge2 + rouge_l
    return RougeScores(*means, tokenization, stemmer, len(rows), dict(zip(METRICS, columns, strict=True)))


def score_tokens(prediction: Sequence[str], reference: Sequence[str]) -> RougeTriple:
    """Return ROUGE-1, ROUGE-2 and ROUGE-L F1 (x100) of one pair of tokenized texts.

    ROUGE-L is `rouge_score`'s `rougeL`: one common subsequence of the whole texts, without splitting sentences.
    """
    unigrams = (Counter(prediction) & Counter(reference)).total()
    bigrams = (Counter(pairwise(prediction)) & Counter(pairwise(reference))).total()
    both = len(prediction) + len(reference)
    return (_f1(unigrams, both), _f1(bigrams, both - 2), _f1(lcs_length(prediction, reference), both))


def lcs_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    One row of the usual table is one integer, with a zero bit where the length grows (Hyyrö, "Bit-parallel
    LCS-length computation revisited", 2004), so a token of the longer text costs a few
    operations on an integer of the shorter one's length.
    """
    if len(one) > len(other):  # the integers are as long as `one`: a summary may be a whole file
        one, other = other, one
    positions: dict[str, int] = {}
    for index, token in enumerate(one):
        positions[token] = positions.get(token, 0) | 1 << index
    full = (1 << len(one)) - 1
    row = full
    for token in other:
        matches = row & positions.get(token, 0)
        row = (row + matches | row - matches) & full
    return len(one) - row.bit_count()


def list_references(predictions: Sequence[str], references: Sequence[str | Sequence[str]]) -> list[list[str]]:
    """Check the texts, and return the references of each dialogue as a list.

    Raises:
        YoyakError: no predictions, the numbers differ, a dialogue has no reference, or something is not text.
    """
    if isinstance(predictions, str) or isinstance(references, str):
        raise YoyakError("predictions or references are one text; give a list with one text a dialogue")
    if len(predictions) != len(references):
        raise YoyakError(
            f"{len(predictions)} predictions and {len(references)} references; give each prediction its reference"
        )
    if len(predictions) == 0:
        raise YoyakError("no predictions to score; give at least one prediction and its reference")
    listed = []
    for number, (prediction, given) in enumerate(zip(predictions, references, strict=True), start=1):
        texts = [given] if isinstance(given, str) or not isinstance(given, Sequence) else list(given)
        if not texts:
            raise YoyakError(f"dialogue {number} has no reference; give it one or leave the dialogue out")
        for name, text in [("prediction", prediction), *(("reference", text) for text in texts)]:
            if not isinstance(text, str):
                raise YoyakError(f"{name} of dialogue {number} is {type(text).__name__}, not text; '' is an empty one")
        listed.append(texts)
    return listed


def _f1(common: int, both: int) -> float:
    """Return 100 x F1 for `common` matches among `both` texts' items: 2PR / (P + R) = 2 x common / (items of both)."""
    return 200 * common / both if common else 0.0


def _combined(scores: Sequence[RougeTriple], multi: Multi) -> RougeTriple:
    """Return one score for each metric from those against several references."""
    columns = zip(*scores, strict=True)
    rouge1, rouge2, rouge_l = (max(one) if multi == "best" else fsum(one) / len(one) for one in columns)
    return rouge1, rouge2, rouge_l
