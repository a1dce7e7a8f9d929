"""Choosing the next token of each row from its logits, by the settings of `generation`."""

import hashlib
import random
from array import array
from collections.abc import Sequence

import numpy as np
import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from ..config.schema import GenerationSettings

_GREEDY = -1.0  # in place of a row's random numbers
_BLOCK = 256  # tokens whose shares are summed at a time


def row_seed(seed: int, sample: int, prompt: Sequence[int]) -> int:
    """Return the seed of one sample of a prompt, given as token ids."""
    digest = hashlib.sha256(f"{seed}/{sample}/".encode() + array("q", prompt).tobytes()).digest()
    return int.from_bytes(digest[:8], "big")


def warpers(settings: GenerationSettings) -> LogitsProcessorList:
    """Return temperature, top-k and top-p, in the order in which transformers applies them."""
    chosen = LogitsProcessorList()
    if settings.temperature != 1.0:
        chosen.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k:
        chosen.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1.0:
        chosen.append(TopPLogitsWarper(settings.top_p))
    return chosen


def draw(scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return a token a row, drawn by the softmax of its scores.

    It is the first whose cumulative share reaches past `uniform`, so a token of probability 0 is never drawn. Shares
    are summed in blocks, in float64: a plain cumulative sum over the vocabulary takes as long as a small model's step.

    Args:
        scores: (rows, vocabulary), float32.
        uniform: (rows,), float64, at least 0 and below 1.
    """
    rows, vocabulary = scores.shape
    blocks = -(-vocabulary // _BLOCK)
    shares = scores.new_zeros(rows, blocks * _BLOCK)
    torch.sub(scores, scores.amax(dim=1, keepdim=True), out=shares[:, :vocabulary])
    shares[:, :vocabulary].exp_()
    shares = shares.view(rows, blocks, _BLOCK)
    past = shares.sum(dim=2, dtype=torch.float64).cumsum(dim=1)
    point = uniform[:, None] * past[:, -1:]
    block = torch.searchsorted(past, _below(point, past), right=True)
    before = torch.where(block > 0, past.gather(1, (block - 1).clamp(min=0)), 0.0)
    inside = shares.gather(1, block[:, :, None].expand(rows, 1, _BLOCK))[:, 0].double().cumsum(dim=1)
    within = torch.searchsorted(inside, _below(point - before, inside), right=True)
    return (block * _BLOCK + within)[:, 0]


def _below(point: torch.Tensor, past: torch.Tensor) -> torch.Tensor:
    """Return the points (rows, 1), kept from rounding up to the whole sum, past which no token is."""
    last = past[:, -1:]
    return torch.minimum(point, torch.nextafter(last, torch.zeros_like(last)))


def without_repeats(scores: torch.Tensor, new: torch.Tensor, count: torch.Tensor, size: int) -> torch.Tensor:
    """Return scores that are -inf where a token would complete an n-gram that its row has already.

    Shapes depend on no number of the tensors, and nothing is read by the host: it runs in CUDA graphs.

    Args:
        scores: (rows, vocabulary).
        new: (rows, tokens), of which the first `count` are the row's own; the others may be any.
        count: (rows,).
        size: tokens of an n-gram, from 1 to those of `new`.
    """
    grams = new.unfold(1, size, 1)
    last = count[:, None] + torch.arange(1 - size, 0, device=new.device)
    begun = new.gather(1, last.clamp(min=0))
    whole = torch.arange(size, new.shape[1] + 1, device=new.device) <= count[:, None]
    repeats = (grams[:, :, :-1] == begun[:, None]).all(dim=2) & whole
    bounds = scores.new_full(repeats.shape, torch.inf).masked_fill_(repeats, -torch.inf)
    return scores.scatter_reduce(1, grams[:, :, -1], bounds, "amin")


def ended_where_nothing_is_left(scores: torch.Tensor, end: int) -> torch.Tensor:
    """Return scores (rows, vocabulary) that are 0 at the end token of rows where all are -inf, else as they are.

    All are where no n-gram may come twice, each token would make one, and the ends are ruled out too: by the shortest
    length, or because the row has ended. Nothing could be drawn of them, and the most likely would be token 0.
    """
    nothing = scores.amax(dim=1, keepdim=True) == -torch.inf
    return scores.masked_fill(nothing & (torch.arange(scores.shape[1], device=scores.device) == end), 0.0)


def uniform_numbers(seed: int | None, count: int) -> np.ndarray:
    """Return the first numbers of `random.Random(seed).random()`, made at once; `_GREEDY` without a seed.

    Each is made of two words of the generator, 27 and 26 bits of them, as CPython's `random_random` does.
    """
    if seed is None:
        return np.full(count, _GREEDY)
    words = np.frombuffer(random.Random(seed).randbytes(8 * count), "<u4")
    return ((words[0::2] >> 5) * 67108864.0 + (words[1::2] >> 6)) / 9007199254740992.0


class Picker:
    """Chooses tokens for rows that come and go; what a row gets depends on its own prompt, seed and logits alone."""

    def __init__(
        self,
        settings: GenerationSettings,
        end_ids: Sequence[int],
        *,
        rows: int,
        most: int,
        vocabulary: int,
        device: torch.device,
    ) -> None:
        """Make room for `rows` rows of at most `most` new tokens each."""
        self._settings, self._most = settings, most
        self._warp = warpers(settings)
        self._end, self._ends = end_ids[0], torch.tensor(list(end_ids), device=device)
        self._uniform = torch.zeros(rows, most, dtype=torch.float64, device=device) if settings.do_sample else None
        self._has_greedy_rows = settings.mbr_samples > 0
        size = settings.no_repeat_ngram_size
        self._gram = size if size < most else 0  # longer ones can't come twice in so many tokens
        # Tokens that have occurred in a row, where that makes them less likely.
        penalized = settings.repetition_penalty != 1
        self._seen = torch.zeros(rows, vocabulary, dtype=torch.bool, device=device) if penalized else None
        self._true = torch.ones((), dtype=torch.bool, device=device)  # on the device, for graphs

    def begin(self, rows: torch.Tensor, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> None:
        """Take prompts with their seeds into rows; None, with `mbr_samples`, is a row of the most likely tokens."""
        if self._uniform is not None:
            drawn = np.stack([uniform_numbers(seed, self._most) for seed in seeds])
            self._uniform[rows] = torch.from_numpy(drawn).to(rows.device)
        if self._seen is not None:
            self._seen[rows] = False
            of_token = torch.repeat_interleave(rows, torch.tensor([len(ids) for ids in prompts], device=rows.device))
            self._seen[of_token, torch.tensor([token for ids in prompts for token in ids], device=rows.device)] = True

    def states(self) -> list[torch.Tensor]:
        """Return what is kept a row, (rows, ...) each."""
        return [kept for kept in (self._uniform, self._seen) if kept is not None]

    def pick(self, logits: torch.Tensor, rows: torch.Tensor, count: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        """Return a token for each of `rows`.

        Args:
            logits: (rows, vocabulary).
            rows: (rows,) which rows these are.
            count: (rows,) tokens that each has got already.
            new: (all rows, at least `most`) that hold these tokens.
        """
        settings = self._settings
        if not (settings.do_sample or settings.min_new_tokens or self._gram or self._seen is not None):
            return logits.argmax(dim=-1)
        scores = self.scored(logits.float(), rows, count, new)
        if self._uniform is None:
            tokens = scores.argmax(dim=-1)
        else:
            place = count.clamp(max=self._most - 1)
            uniform = self._uniform[rows, place]
            tokens = draw(self._warp(None, scores), uniform.clamp(min=0))
            if self._has_greedy_rows:
                tokens = torch.where(uniform < 0, scores.argmax(dim=-1), tokens)
        self.took(rows, tokens)
        return tokens

    def scored(self, scores: torch.Tensor, rows: torch.Tensor, count: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        """Return scores (rows, vocabulary), in float32, after the penalty, n-grams and the shortest length; see `pick`.

        That is the order in which transformers applies them.
        """
        settings = self._settings
        if self._seen is not None:
            penalty = settings.repetition_penalty
            penalized = torch.where(scores < 0, scores * penalty, scores / penalty)
            scores = torch.where(self._seen[rows], penalized, scores)
        if self._gram:
            scores = without_repeats(scores, new[rows], count, self._gram)
        if settings.min_new_tokens:
            early = (count < settings.min_new_tokens)[:, None]
            ends = scores[:, self._ends].masked_fill(early, -torch.inf)
            scores = scores.index_copy(1, self._ends, ends)
        return ended_where_nothing_is_left(scores, self._end) if self._gram else scores

    def took(self, rows: torch.Tensor, tokens: torch.Tensor, sources: torch.Tensor | None = None) -> None:
        """Take down the token of each row; with `sources` each row goes on from what that row was before."""
        if self._seen is not None:
            if sources is not None:
                self._seen[rows] = self._seen[sources]
            self._seen.index_put_((rows, tokens), self._true)
