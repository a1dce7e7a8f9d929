"""A row batch that chooses its own tokens."""

from collections.abc import Sequence

import torch

from ..config.schema import GenerationSettings
from .cached_decoder import CachedDecoder
from .picking import Picker
from .row_batch import RowBatch, padded_rows

_STEPS_UNSEEN = 8  # on a GPU, steps between two looks at which prompts have ended: each look waits for the GPU
_LEAVING_SHARE = 8  # on a GPU, prompts leave when they are this part of the batch: reading few at a time is slow


class ChoosingBatch(RowBatch):
    """A batch that chooses its own tokens, so that many steps need no word from the host.

    Prompts have places of their own, in the order of their rows: one row each, or `beams` rows in a row.
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
        """Make room for `rows` prompts of `longest` tokens and `most` new ones each."""
        super().__init__(decoder)
        self.beams = settings.num_beams
        prompts = padded_rows(rows, self.device)
        self.reserve(prompts * self.beams, longest + most)
        vocabulary = len(decoder.head)
        self._picker = Picker(
            settings, end_ids, rows=prompts * self.beams, most=most, vocabulary=vocabulary, device=self.device
        )
        self._ends = torch.tensor(list(end_ids), device=self.device)
        self._most = most
        self._all = torch.arange(prompts, device=self.device)
        # 1 for a prompt that goes on, 0 for one that has ended or a place that holds none: its rows stay as they are.
        self._going = torch.zeros(prompts, dtype=torch.int64, device=self.device)
        self._count = torch.zeros_like(self._going)
        self._new = torch.zeros(prompts, most + 1, dtype=torch.int64, device=self.device)

    @property
    def held(self) -> int:
        """Return how many prompts the batch holds."""
        return len(self) // self.beams

    def begin(self, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> None:
        """Add prompts at the end of the batch, and take each one's first token."""
        first, first_row = self.held, len(self)
        repeated = [ids for ids in prompts for _ in range(self.beams)]
        logits = self.add(repeated)
        some = self._all[first : self.held]
        rows = torch.arange(first_row, len(self), device=self.device)
        self._picker.begin(rows, repeated, seeds)
        self._lengths[rows] = torch.tensor(self.lengths[first_row:], device=self.device)
        self._going[some], self._count[some] = 1, 0
        self._choose(logits, some)

    def advance(self) -> None:
        """Take further tokens: on a GPU several before the next look at what has ended."""
        for _ in range((1 if self.device.type == "cpu" else _STEPS_UNSEEN) if self.held else 0):
            self._stepped(padded_rows(self.held, self.device) * self.beams)

    def ended(self) -> list[int]:
        """Return the places of prompts that have ended, in order."""
        return [place for place, going in enumerate(self._going[: self.held].tolist()) if not going]

    def results(self, places: Sequence[int]) -> list[list[int]]:
        """Return the new ids of prompts that have ended."""
        index = torch.tensor(places, dtype=torch.int64, device=self.device)
        new, counts = self._new[index].tolist(), self._count[index].tolist()
        return [ids[:count] for ids, count in zip(new, counts, strict=True)]

    def may_leave(self, ended: int, others_wait: bool) -> bool:
        """Tell whether so many prompts that have ended should leave now."""
        left = self.held - ended
        if self.device.type == "cpu" or not left:
            return ended > 0 or not left
        if others_wait:
            return ended * _LEAVING_SHARE >= self.held
        return padded_rows(left, self.device) < padded_rows(self.held, self.device)

    def remove(self, places: Sequence[int]) -> list[tuple[int, int]]:  # type: ignore[override]
        """Drop prompts, given in order; the last ones take their places. Return which went where: (source, target)."""
        kept, dropped = self.held - len(places), set(places)
        targets = [place for place in places if place < kept]
        sources = [place for place in range(kept, self.held) if place not in dropped]
        if targets:
            self._copy(self._rows_of(sources), self._rows_of(targets), self._places)
            source, target = (torch.tensor(of, device=self.device) for of in (sources, targets))
            for states in self._kept():
                states[target] = states[source]
        self._going[kept:], self._lengths[kept * self.beams :] = 0, 0
        del self.lengths[kept * self.beams :]
        return list(zip(sources, targets, strict=True))

    def _rows_of(self, places: Sequence[int]) -> list[int]:
        """Return the rows of prompts."""
        return [place * self.beams + beam for place in places for beam in range(self.beams)]

    def _kept(self) -> list[torch.Tensor]:
        """Return all that is kept a prompt besides caches, (prompts, ...) each."""
        by_row = self._tokens, self._lengths, *self._picker.states()
        by_beam = [states.view(-1, self.beams, *states.shape[1:]) for states in by_row]
        return [*by_beam, self._going, self._count, self._new]

    def _run(self, rows: int) -> torch.Tensor:
        logits = super()._run(rows)
        some = self._all[: rows // self.beams]
        self._lengths[:rows].view(-1, self.beams).add_(self._going[: len(some), None])
        self._choose(logits, some)
        return logits

    def _choose(self, logits: torch.Tensor, prompts: torch.Tensor) -> None:
        """Choose a token for each row of some prompts, given by place, and see which end with it."""
        count, going = self._count[prompts], self._going[prompts]
        tokens = self._picker.pick(logits, prompts, count, self._new)
        self._tokens[prompts], self._new[prompts, count] = tokens, tokens
        count = count + going
        is_end = (tokens[:, None] == self._ends).any(dim=1)
        self._count[prompts] = count
        self._going[prompts] = going * (~is_end & (count < self._most))
