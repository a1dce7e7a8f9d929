"""Minimum Bayes risk: of several summaries of a dialogue, the one that is closest to the others."""

from collections.abc import Sequence
from concurrent.futures import Future
from itertools import chain, combinations, permutations, product
from typing import Literal

from ..errors import YoyakError
from ..evaluation.chrf import chrf_score, chrf_statistics
from ..evaluation.rouge import score_tokens
from ..evaluation.tokenizations import Tokenization, tokenize_pairs
from ..evaluation.workers import ScoringWorkers
from ..ranks.group import note_progress, rank_count
from ..ranks.launcher import usable_cores

MbrMetric = Literal["rouge_sum", "chrf"]
_MANY_PAIRS = 20_000  # a second or two of one core, about what workers take to start
_MOST_WORKERS = 8  # each may hold a morphological analyser of 330 MB


def choose_by_mbr(
    candidates: Sequence[Sequence[str]],
    metric: MbrMetric = "rouge_sum",
    tokenization: Tokenization = "word",
    stemmer: bool = False,
    references: Sequence[Sequence[str]] | None = None,
) -> list[int]:
    """Return, for each dialogue, the index of the summary with the highest mean score against its other ones.

    The candidates are both what is chosen from and the sample of what the model expects (Eikema & Aziz, "Is MAP
    Decoding All You Need?", 2020, with the candidate itself left out). One that occurs twice counts twice. Of equal
    ones the first is taken. The metric is `rouge_sum` (ROUGE-1 + ROUGE-2 + ROUGE-L F1), which counts as `tokenization`
    and `stemmer` say, or `chrf`. `references` are, for each dialogue, further texts that candidates are scored against
    and that are not chosen from (Eikema & Aziz, 2022, have candidates and pseudo-references apart).

    Raises:
        YoyakError: a dialogue has no candidate, or the metric or tokenization is unknown.
    """
    for number, texts in enumerate(candidates, start=1):
        if not texts:
            raise YoyakError(f"dialogue {number} has no summary to choose from; give it at least one")
    ordered = permutations if metric == "chrf" else combinations  # F1 is the same both ways
    further = references or [()] * len(candidates)
    of_both = list(zip(candidates, further, strict=True))
    of_dialogues = (chain(ordered(texts, 2), product(texts, others)) for texts, others in of_both)
    pairs = list(dict.fromkeys(chain.from_iterable(of_dialogues)))
    if not pairs:
        return [0] * len(candidates)
    score = dict(zip(pairs, _scores(pairs, metric, tokenization, stemmer), strict=True))
    if metric != "chrf":
        score |= {(other, text): value for (text, other), value in score.items()}
    return [_closest(texts, others, score) for texts, others in of_both]


def choose_ended_by_mbr(
    candidates: Sequence[Sequence[str]],
    ended: Sequence[Sequence[bool]],
    metric: MbrMetric = "rouge_sum",
    tokenization: Tokenization = "word",
    stemmer: bool = False,
) -> list[int]:
    """As `choose_by_mbr`, but of summaries that ran into the limit one is chosen only where none has ended.

    The others are scored against them all the same. `ended` says of each summary whether it ended by itself.

    Raises:
        YoyakError: see `choose_by_mbr`.
    """
    places = [places_to_choose(its) for its in ended]
    whole = [[texts[place] for place in its] for texts, its in zip(candidates, places, strict=True)]
    cut = [
        [text for place, text in enumerate(texts) if place not in its]
        for texts, its in zip(candidates, places, strict=True)
    ]
    chosen = choose_by_mbr(whole, metric, tokenization, stemmer, cut)
    return [its[choice] for its, choice in zip(places, chosen, strict=True)]


def places_to_choose(ended: Sequence[bool]) -> list[int]:
    """Return the places of a dialogue's summaries that have ended; of all where none has."""
    return [place for place, whole in enumerate(ended) if whole] or list(range(len(ended)))


class MbrChooser:
    """Chooses for one dialogue after the other by MBR, in worker processes where there is much to score; a context.

    Meanwhile further candidates can be generated.
    """

    def __init__(
        self,
        dialogues: int,
        candidates: int,
        metric: MbrMetric,
        tokenization: Tokenization,
        stemmer: bool,
        references: int = 0,
    ) -> None:
        """Start workers where so many dialogues, with so many candidates and further references each, are many."""
        self._how = (metric, tokenization, stemmer)
        cores = usable_cores() // rank_count()  # several ranks have workers of their own
        pairs = candidates * (candidates - 1) // 2 + candidates * references
        many = dialogues * pairs >= _MANY_PAIRS and cores > 1
        self._workers = ScoringWorkers("choices", min(cores - 1, _MOST_WORKERS)) if many else None
        self._under_way: dict[int, Future[list[int]]] = {}
        self._chosen: dict[int, int] = {}

    def __enter__(self) -> "MbrChooser":
        return self

    def __exit__(self, *error: object) -> None:
        if self._workers:
            self._workers.__exit__(*error)

    def add(self, dialogue: int, texts: Sequence[str], references: Sequence[str] = ()) -> None:
        """Take the candidates of a dialogue, and its further references."""
        if self._workers:
            given = [list(texts)], *self._how, [list(references)]
            self._under_way[dialogue] = self._workers.submit(choose_by_mbr, *given)
        else:
            self._chosen[dialogue] = choose_by_mbr([texts], *self._how, [references])[0]

    def chosen(self, wait: bool = False) -> dict[int, int]:
        """Return, and forget, the dialogues for which a choice is made, with what was chosen; or wait for all.

        Raises:
            YoyakError: a worker died or hangs.
        """
        done = [dialogue for dialogue, future in self._under_way.items() if wait or future.done()]
        for dialogue in done:
            assert self._workers
            self._chosen[dialogue] = self._workers.result_of(self._under_way.pop(dialogue))[0]
            note_progress()
        found, self._chosen = self._chosen, {}
        return found


def _closest(texts: Sequence[str], references: Sequence[str], score: dict[tuple[str, str], float]) -> int:
    totals = [
        sum(score[text, other] for position, other in enumerate(texts) if position != index)
        + sum(score[text, other] for other in references)
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
