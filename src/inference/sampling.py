"""Sampling in which the dialogue and the seed alone decide what is drawn, whatever else is in the batch."""

import hashlib
import random
from array import array
from collections.abc import Sequence

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ..config.schema import GenerationSettings


def row_seed(seed: int, sample: int, prompt: Sequence[int]) -> int:
    """Return the seed of one sample of a prompt, given as token ids."""
    digest = hashlib.sha256(f"{seed}/{sample}/".encode() + array("q", prompt).tobytes()).digest()
    return int.from_bytes(digest[:8], "big")


class RowSampler(LogitsProcessor):
    """Draws each row's next token with a generator of its own, and leaves only that token possible.

    Greedy decoding then takes what was drawn. A row's tokens depend on its logits and its seed. The logits of a prompt
    differ by rounding from batch to batch, so a draw that falls between two tokens by less than that may differ too.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        """Start a generator for each row."""
        self._rows = [random.Random(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores (rows, vocabulary) that are 0 at the drawn token and -inf elsewhere."""
        drawn = torch.tensor([[row.random()] for row in self._rows], dtype=torch.float64, device=scores.device)
        cumulative = scores.double().softmax(dim=-1).cumsum(dim=-1)
        # The first token whose share reaches past the draw: never one of probability 0.
        tokens = torch.searchsorted(cumulative, drawn * cumulative[:, -1:], right=True)
        only = torch.full_like(scores, -torch.inf)
        return only.scatter_(1, tokens.clamp_(max=scores.shape[1] - 1), 0.0)


def sampling_processors(settings: GenerationSettings, seeds: Sequence[int]) -> LogitsProcessorList:
    """Return temperature, top-k, top-p and the draw, in the order in which transformers samples."""
    processors = LogitsProcessorList()
    if settings.temperature != 1.0:
        processors.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k:
        processors.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1.0:
        processors.append(TopPLogitsWarper(settings.top_p))
    processors.append(RowSampler(seeds))
    return processors
