"""What an evaluation found: scores with intervals, the chance floor, a comparison with a baseline, and checks."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np

from ..bilingual import Text, korean
from ..data.prompt.reasoning import reasoning_note, without_reasoning
from ..errors import YoyakError
from .checks import Checks, check_texts
from .chrf import chrf_score, chrf_statistics
from .rouge import METRICS, Multi, list_references, score_summaries
from .significance import (
    DERANGEMENTS,
    LEVEL,
    SAMPLES,
    Array,
    Estimate,
    PairedDifference,
    estimate_scores,
    foreign_references,
    paired_differences,
)
from .tokenizations import Tokenization, analyser_of, has_hangul

T = TypeVar("T")
SCORES = (*METRICS, "chrf")
_NAMES = ("ROUGE-1", "ROUGE-2", "ROUGE-L", Text("ROUGE sum", "ROUGE 합"), Text("ROUGE mean", "ROUGE 평균"), "chrF")
SCORE_NAMES = dict(zip(SCORES, _NAMES, strict=True))
SCORES_OF_THEIR_OWN = tuple(name for name in SCORES if name != "rouge_mean")
"""Without the mean of the three, of which all is true that is true of their sum."""
LEAD_TURNS = 3

_TIE = 1e-9
_ASCII_ON_HANGUL = Text(
    "The tokenization ascii drops all Hangul: what counts is #Person1#, Latin names and digits. "
    "Take it only to compare with figures published that way.",
    "ascii 토큰화는 한글을 모두 버리고 #Person1#, 로마자 이름, 숫자만 셉니다. 그렇게 발표된 점수와 비교할 때만 쓰세요.",
)
_NO_STEMS = Text(
    "evaluation.stemmer is without effect: the tokenization char counts letters, which have no stems.",
    "evaluation.stemmer의 값은 효과가 없습니다. char 토큰화는 글자를 세며, 글자에는 어간이 없습니다.",
)
_SIGNIFICANT = 1 - LEVEL


@dataclass(frozen=True)
class Comparison:
    """A second system on the same dialogues, and by how much the first one differs from it."""

    scores: dict[str, Estimate]
    differences: dict[str, PairedDifference]

    def sentence(self, score: str = "rouge_sum") -> Text:
        """Return what the figures of one score say: better, worse, or nothing that these dialogues can show."""
        found, name = self.differences[score], SCORE_NAMES[score]
        better = found.p_value < _SIGNIFICANT and found.low > 0
        worse = found.p_value < _SIGNIFICANT and found.high < 0
        low, high = (-found.high, -found.low) if worse else (found.low, found.high)
        english = f"{LEVEL:.0%} interval {low:.1f} to {high:.1f}, n = {found.n}"
        ko = f"{LEVEL:.0%} 신뢰 구간 {low:.1f} ~ {high:.1f}, n = {found.n}"
        if better or worse:
            by = f"{abs(found.difference):.1f}"
            return Text(
                f"{name} {'better' if better else 'worse'} by {by}, {english}",
                f"{korean(name)} {by} {'높음' if better else '낮음'}, {ko}",
            )
        p, these = f"p = {found.p_value:.2g}", "this dialogue" if found.n == 1 else f"these {found.n} dialogues"
        return Text(
            f"{name}: no difference that {these} can show ({found.difference:+.1f}, {english}, {p})",
            f"{korean(name)}: 대화 {found.n}개로는 차이가 있다고 할 수 없음 ({found.difference:+.1f}, {ko}, {p})",
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "sentence": self.sentence(),
            "differences": {name: found.as_dict() for name, found in self.differences.items()},
            "scores": _estimates(self.scores),
        }


@dataclass(frozen=True)
class EvaluationResult:
    """Scores (x100) of summaries by the names in `SCORES`, and what else was found about them.

    `floor` holds what the same summaries score against other dialogues' references, and is empty for one dialogue;
    `lead` what the first three turns score in place of summaries, and is empty without the dialogues.
    `per_dialogue` has the scores of each dialogue, in the order of the summaries.
    """

    scores: dict[str, Estimate]
    floor: dict[str, Estimate]
    lead: dict[str, float]
    baseline: Comparison | None
    checks: Checks
    tokenization: Tokenization
    stemmer: bool
    multi: Multi
    n: int
    per_dialogue: dict[str, tuple[float, ...]] = field(repr=False)
    reasoning_removed: dict[str, int]
    """How many texts of each kind (summaries, baseline, references) were scored without the reasoning in them."""
    warnings: list[Text]
    """Why the figures do not say what they seem to."""

    def notes(self) -> list[str]:
        """Return in words what a reader of the figures must know."""
        notes = [*self.warnings, *(reasoning_note(n, kind) for kind, n in self.reasoning_removed.items())]
        if self.stemmer and self.tokenization == "char":
            notes.append(_NO_STEMS)
        by_chance = [SCORE_NAMES[name] for name in SCORES_OF_THEIR_OWN if self.within_chance(name)]
        if by_chance:
            notes.append(
                f"{', '.join(by_chance)}: within what chance alone gives. These summaries fit their own dialogues' "
                "references no better than those of others."
            )
        if not self.floor:
            notes.append("One dialogue: there is no chance floor, and the intervals say nothing.")
        return notes + self.checks.notes()

    def within_chance(self, score: str) -> bool:
        """Return whether a score lies inside its chance floor's interval, or below."""
        return bool(self.floor) and self.scores[score].value <= self.floor[score].high + _TIE

    def as_dict(self) -> dict[str, Any]:
        """Return what `yoyak evaluate --json` prints."""
        return {
            "scores": _estimates(self.scores),
            "tokenization": self.tokenization,
            "analyser": analyser_of(self.tokenization),
            "stemmer": self.stemmer,
            "multi": self.multi,
            "n": self.n,
            "floor": _estimates(self.floor) or None,
            "lead3": self.lead or None,
            "interval": {"level": LEVEL, "samples": SAMPLES, "derangements": DERANGEMENTS, "seed": 0},
            "baseline": self.baseline.as_dict() if self.baseline else None,
            "checks": self.checks.as_dict(),
            "notes": self.notes(),
            **({"reasoning_removed": self.reasoning_removed} if self.reasoning_removed else {}),
        }

    def run_scores(self) -> dict[str, Any]:
        """Return what `run.json` keeps: plain numbers, with `rouge_sum_low`, `rouge_sum_high`, `rouge_sum_floor`,
        `rouge_sum_floor_low`, `rouge_sum_floor_high` and `rouge_sum_lead3` beside each.
        """
        figures: dict[str, Any] = {name: found.value for name, found in self.scores.items()}
        for name, found in self.scores.items():
            figures |= {f"{name}_low": found.low, f"{name}_high": found.high}
        for name, found in self.floor.items():
            figures |= {f"{name}_floor": found.value}
            figures |= {f"{name}_floor_low": found.low, f"{name}_floor_high": found.high}
        figures |= {f"{name}_lead3": value for name, value in self.lead.items()}
        figures |= {"tokenization": self.tokenization, "analyser": analyser_of(self.tokenization)}
        return figures | {"stemmer": self.stemmer, "n": self.n}


def score_report(
    ids: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[str | Sequence[str]],
    tokenization: Tokenization = "word",
    stemmer: bool = False,
    multi: Multi = "mean",
    *,
    baseline: Sequence[str] | None = None,
    dialogues: Sequence[str] | None = None,
    ended: Sequence[bool] | None = None,
    looped: Sequence[bool] | None = None,
    facts: bool = True,
) -> EvaluationResult:
    """Score summaries, with intervals over dialogues, the chance floor, a comparison, and checks beyond overlap.

    Args:
        ids: the dialogues' names, by which the checks list what they found.
        predictions: one summary a dialogue.
        references: a text, or a list of texts, a dialogue.
        tokenization: what ROUGE counts; chrF counts characters whatever it says.
        stemmer: Porter stemmer for English words.
        multi: how several references of a dialogue count.
        baseline: another system's summaries of the same dialogues.
        dialogues: the dialogues themselves; without them nothing is said about lead-3, copying and facts.
        ended: whether each summary reached its end token.
        looped: whether each ended in a loop instead.
        facts: look for numbers, dates and names that the dialogue does not hold (Kiwi's start takes 2 s on Korean).

    Raises:
        YoyakError: lists of different lengths, or as in `score_summaries`.
    """
    listed = list_references(predictions, references)
    removed: dict[str, int] = {}
    predictions = _answers(predictions, "summaries", removed)
    baseline = None if baseline is None else _answers(baseline, "baseline", removed)
    flat = iter(_answers([text for its in listed for text in its], "references", removed))
    listed = [[next(flat) for _ in its] for its in listed]
    lists = {"ids": ids, "baseline": baseline, "dialogues": dialogues, "ended": ended, "looped": looped}
    for name, given in lists.items():
        if given is not None and len(given) != len(listed):
            raise YoyakError(f"{len(given)} {name} for {len(listed)} predictions; give one a dialogue")
    foreign = foreign_references(listed) if len(listed) > 1 else [[] for _ in listed]
    systems = [(predictions, listed)]
    systems += [(predictions, list(donors)) for donors in zip(*foreign, strict=True)]
    systems += [(baseline, listed)] if baseline is not None else []
    systems += [(list(map(_lead, dialogues)), listed)] if dialogues is not None else []
    ours, *others = _statistics(systems, tokenization, stemmer, multi)
    lead = others.pop() if dialogues is not None else None
    theirs = others.pop() if baseline is not None else None
    return EvaluationResult(
        scores=_named(estimate_scores(ours, _scores)),
        floor=_named(estimate_scores(np.mean(others, axis=0), _scores)) if others else {},
        lead={} if lead is None else _named(_scores(lead.mean(axis=0, keepdims=True))[0].tolist()),
        baseline=None
        if theirs is None
        else Comparison(_named(estimate_scores(theirs, _scores)), _named(paired_differences(ours, theirs, _scores))),
        checks=check_texts(ids, predictions, listed, baseline, dialogues, ended, looped, facts),
        tokenization=tokenization,
        stemmer=stemmer,
        multi=multi,
        n=len(listed),
        per_dialogue={name: tuple(column) for name, column in zip(SCORES, _scores(ours).T.tolist(), strict=True)},
        reasoning_removed=removed,
        warnings=[_ASCII_ON_HANGUL] if tokenization == "ascii" and any(map(has_hangul, predictions)) else [],
    )


def _lead(dialogue: str) -> str:
    """Return the first turns of a dialogue as a summary, which is what a summarizer must beat."""
    lines = (line.strip() for line in dialogue.split("\n"))
    return " ".join(list(filter(None, lines))[:LEAD_TURNS])


def _answers(texts: Sequence[str], kind: str, removed: dict[str, int]) -> list[str]:
    """Return texts without the reasoning in them, and count in `removed` how many had some."""
    answers = [without_reasoning(text) for text in texts]
    if count := sum(reasoned for _, reasoned in answers):
        removed[kind] = count
    return [text for text, _ in answers]


def _statistics(
    systems: Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]],
    tokenization: Tokenization,
    stemmer: bool,
    multi: Multi,
) -> list[Array]:
    """Return for each (summaries, references) a row a dialogue: its ROUGE scores, then the counts of chrF.

    All are scored in one go, so that each text is tokenized once.
    """
    texts = [text for summaries, _ in systems for text in summaries]
    references = [its for _, listed in systems for its in listed]
    rouge = score_summaries(texts, references, tokenization, stemmer, multi).per_dialogue
    chrf = chrf_statistics([_same_form(text) for text in texts], [list(map(_same_form, r)) for r in references], multi)
    together = np.hstack([np.array([rouge[metric] for metric in METRICS]).T, chrf])
    return list(together.reshape(len(systems), -1, together.shape[1]))


def _scores(statistics: Array) -> Array:
    """Return the scores, in the order of `SCORES`, of mean statistics (or of single dialogues')."""
    split = len(METRICS)
    return np.hstack([statistics[:, :split], chrf_score(statistics[:, split:])[:, None]])


def _same_form(text: str) -> str:
    """Return text with decomposed Hangul composed (macOS writes it so); other texts as sacrebleu takes them."""
    return unicodedata.normalize("NFC", text) if has_hangul(text) else text


def _named(values: Sequence[T]) -> dict[str, T]:
    return dict(zip(SCORES, values, strict=True))


def _estimates(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {name: asdict(found) for name, found in estimates.items()}
