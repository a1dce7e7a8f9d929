"""What transformers' `generate` chooses tokens by: draws as `decoder.picking` has them, and n-grams of a summary."""

import random
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, LogitsProcessorList, NoRepeatNGramLogitsProcessor

from ..config.schema import GenerationSettings
from ..decoder.picking import draw, ended_where_nothing_is_left, warpers


class RowSampler(LogitsProcessor):
    """Draws each row's next token with a generator of its own, and leaves only that token possible.

    Greedy decoding then takes what was drawn. A row whose seed is None keeps its most likely token. A row's tokens
    depend on its logits and its seed. The logits of a prompt differ by rounding from batch to batch, so a draw that
    falls between two tokens by less than that may differ too.
    """

    def __init__(self, seeds: Sequence[int | None]) -> None:
        self._rows = [None if seed is None else random.Random(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores (rows, vocabulary) that are 0 at the drawn token and -inf elsewhere."""
        numbers = [row.random() if row else 0.0 for row in self._rows]
        greedy = torch.tensor([row is None for row in self._rows], device=scores.device)
        uniform = torch.tensor(numbers, dtype=torch.float64, device=scores.device)
        tokens = torch.where(greedy, scores.argmax(dim=-1), draw(scores.float(), uniform))
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens[:, None], 0.0)


class SummaryNGrams(LogitsProcessor):
    """Lets no n-gram of a summary come twice.

    transformers' own rule counts those of the prompt too: no name, number or word of the dialogue that takes as many
    tokens could be written.
    """

    def __init__(self, size: int, prompt_tokens: int) -> None:
        self._rule, self._prompt_tokens = NoRepeatNGramLogitsProcessor(size), prompt_tokens

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores (rows, vocabulary), -inf where a token of `input_ids`, prompt and summary, would repeat one."""
        allowed: torch.Tensor = self._rule(input_ids[:, self._prompt_tokens :], scores)
        return allowed


class EndWhereNothingIsLeft(LogitsProcessor):
    """Ends a summary where all tokens are ruled out; comes behind what rules them out."""

    def __init__(self, end_id: int) -> None:
        self._end_id = end_id

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores (rows, vocabulary), as `ended_where_nothing_is_left` has them."""
        return ended_where_nothing_is_left(scores, self._end_id)


def sampling_processors(settings: GenerationSettings, seeds: Sequence[int | None]) -> LogitsProcessorList:
    """Return temperature, top-k, top-p and the draw, in the order in which transformers samples."""
    return LogitsProcessorList([*warpers(settings), RowSampler(seeds)])
