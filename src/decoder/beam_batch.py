"""Beam search: each prompt's rows are its beams, which go on from whichever of them are best."""

from collections.abc import Sequence

import torch

from ..config.schema import GenerationSettings
from ..kernels.beam_order import reorder_beams
from .cached_decoder import CachedDecoder
from .choosing_batch import ChoosingBatch

_NONE = -1e9  # added to the score of a beam that must not go on; as transformers has it


class BeamBatch(ChoosingBatch):
    """A batch that searches by the rules of transformers' `generate`, with its early stopping as it is by default, but
    for one: what ended by itself is better than whatever ran into `most`, which is no summary but the start of one.

    Of each prompt's beams the best continuations are looked at: enough that as many go on as there are beams, however
    many end. Those that end among the first `beams` are ranked by their log-probability over their length to the power
    of `length_penalty`, and as many are kept as there are beams. A prompt ends when its best beam, at its length now,
    is no better than the worst of those kept, or when its beams are as long as they may get: then these are kept
    where fewer than `beams` have ended.
    """

    def __init__(
        self,
        decoder: CachedDecoder,
        settings: GenerationSettings,
        end_ids: Sequence[int],
        *,
        rows: int,
        longest: int,
        most: int,
    ) -> None:
        """Make room for `rows` prompts of `longest` tokens and `most` new ones each, times beams."""
        super().__init__(decoder, settings, end_ids, rows=rows, longest=longest, most=most)
        beams, vocabulary = self.beams, len(decoder.head)
        self._candidates = min(max(2, 1 + len(end_ids)), vocabulary) * beams
        lengths = torch.arange(most + 2, dtype=torch.float64).pow(settings.length_penalty)
        limits = torch.finfo(torch.float32)
        self._lengths_weigh = lengths.clamp(limits.tiny, limits.max).float().to(self.device)
        self._beam = torch.arange(beams, device=self.device)
        self._rank = torch.arange(self._candidates, device=self.device)
        # What is cut is worth less than all that has ended, in the order of the candidates.
        self._least = limits.min / 4
        self._worth_cut = limits.min * (0.5 + self._rank / (4 * self._candidates))
        shape = len(self._all), beams
        # Of the beams that go on: log-probabilities, new ids, and the beam that each goes on from.
        self._scores = torch.zeros(shape, device=self.device)
        self._new = torch.zeros(*shape, most + 1, dtype=torch.int64, device=self.device)
        self._order = self._beam.repeat(len(self._all), 1)
        self._starts = torch.zeros_like(self._going)  # the prompts' lengths
        # Of those that have ended, the best first; those that there are not yet are worth -inf.
        self._worth = torch.full(shape, -torch.inf, device=self.device)
        self._ended_new = torch.zeros_like(self._new)
        self._ended_count = torch.zeros(shape, dtype=torch.int64, device=self.device)

    def begin(self, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> None:
        """See `ChoosingBatch.begin`; the first tokens are the best ones after the prompt."""
        new = slice(self.held, self.held + len(prompts))
        self._starts[new] = torch.tensor([len(ids) for ids in prompts], device=self.device)
        self._scores[new] = torch.where(self._beam > 0, _NONE, 0.0)  # they are all alike yet
        self._worth[new] = -torch.inf
        super().begin(prompts, seeds)

    def results(self, places: Sequence[int]) -> list[list[int]]:
        """See `ChoosingBatch.results`."""
        index = torch.tensor(places, dtype=torch.int64, device=self.device)
        new, counts = self._ended_new[index, 0].tolist(), self._ended_count[index, 0].tolist()
        return [ids[:count] for ids, count in zip(new, counts, strict=True)]

    def _kept(self) -> list[torch.Tensor]:
        return [*super()._kept(), self._scores, self._starts, self._worth, self._ended_new, self._ended_count]

    def _run(self, rows: int) -> torch.Tensor:
        logits = super()._run(rows)
        prompts = rows // self.beams
        order = self._order[:prompts]
        sources = (self._all[:prompts, None] * self.beams + order).flatten()
        by_place: list[torch.Tensor] = []
        for layer, cache in zip(self.decoder.layers, self._caches, strict=True):
            if layer.attention.by_place:
                by_place += cache
            else:
                for states in cache:
                    states[:rows] = states[sources]
        reorder_beams(by_place, order, self._starts[:prompts], self._lengths[: rows : self.beams])
        return logits

    def _choose(self, logits: torch.Tensor, prompts: torch.Tensor) -> None:
        """Choose the beams that go on, of some prompts given by place, and see which prompts end."""
        beams, vocabulary = self.beams, logits.shape[1]
        place, going = self._count[prompts], self._going[prompts]
        rows = (prompts[:, None] * beams + self._beam).flatten()
        scores = torch.log_softmax(logits.float(), dim=-1)
        scores = self._picker.scored(scores, rows, place.repeat_interleave(beams), self._new.flatten(0, 1))
        scores = scores.view(len(prompts), beams, vocabulary) + self._scores[prompts][:, :, None]
        scores, index = scores.flatten(1).topk(self._candidates)
        sources, tokens = index // vocabulary, index % vocabulary
        count = place + going
        whole = (tokens[:, :, None] == self._ends).any(dim=2)
        ends = whole | (count >= self._most)[:, None]
        new = _of_beams(self._new[prompts], sources)
        new.scatter_(2, place[:, None, None].expand(-1, self._candidates, 1), tokens[:, :, None])
        self._end(prompts, going, torch.where(ends, scores, -torch.inf), whole, new, count)
        scores = scores + ends * _NONE
        kept = scores.topk(beams).indices
        scores, sources, tokens = (of.gather(1, kept) for of in (scores, sources, tokens))
        sources = torch.where(going[:, None] > 0, sources, self._beam)  # nothing moves where a prompt has ended
        self._scores[prompts], self._new[prompts], self._order[prompts] = scores, _of_beams(new, kept), sources
        self._tokens[rows] = tokens.flatten()
        self._picker.took(rows, tokens.flatten(), (prompts[:, None] * beams + sources).flatten())
        worst = self._worth[prompts].amin(dim=1)
        hope = (scores[:, 0] / self._lengths_weigh[count] > worst) | (worst == -torch.inf)
        self._count[prompts] = count
        self._going[prompts] = going * (hope & (count < self._most))

    def _end(
        self,
        prompts: torch.Tensor,
        going: torch.Tensor,
        scores: torch.Tensor,
        whole: torch.Tensor,
        new: torch.Tensor,
        count: torch.Tensor,
    ) -> None:
        """Keep the best of the beams that have ended.

        Args:
            prompts: (prompts,) places of those that are looked at.
            going: (prompts,) 0 where nothing may change.
            scores: (prompts, candidates) log-probabilities, the best first; -inf where a candidate has not ended.
            whole: (prompts, candidates) whether an end token ended it, and not the limit.
            new: (prompts, candidates, most + 1) their ids.
            count: (prompts,) how many of these are theirs.
        """
        weighed = (scores / self._lengths_weigh[count][:, None]).clamp(min=self._least)
        weighed = torch.where(whole, weighed, self._worth_cut)
        valid = (scores > -torch.inf) & (self._rank < self.beams) & (going[:, None] > 0)
        worth = torch.cat([self._worth[prompts], torch.where(valid, weighed, -torch.inf)], dim=1)
        kept = worth.topk(self.beams).indices
        kept = torch.where(going[:, None] > 0, kept, self._beam)  # equal ones may change places
        self._worth[prompts] = worth.gather(1, kept)
        counts = torch.cat([self._ended_count[prompts], count[:, None].expand_as(scores)], dim=1)
        self._ended_count[prompts] = counts.gather(1, kept)
        self._ended_new[prompts] = _of_beams(torch.cat([self._ended_new[prompts], new], dim=1), kept)


def _of_beams(ids: torch.Tensor, beams: torch.Tensor) -> torch.Tensor:
    """Return the ids of chosen beams (prompts, chosen), given those of all (prompts, beams, tokens)."""
    return ids.take_along_dim(beams[:, :, None], dim=1)
