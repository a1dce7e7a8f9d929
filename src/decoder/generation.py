"""Continuing prompts until they end; the next ones join where others have left."""

from collections.abc import Iterator, Sequence

import torch

from ..config.schema import GenerationSettings
from .cached_decoder import CachedDecoder
from .picking import Picker
from .row_batch import RowBatch, padded_rows

_STEPS_UNSEEN = 8  # on a GPU, steps between two looks at which rows have ended: each look waits for the GPU
_LEAVING_SHARE = 8  # on a GPU, rows leave when they are this part of the batch: reading few prompts at a time is slow


def generate(
    decoder: CachedDecoder,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    *,
    max_new_tokens: int,
    end_ids: Sequence[int],
    seeds: Sequence[int | None] = (),
    rows: int | None = None,
    batch: "ChoosingBatch | None" = None,
) -> Iterator[list[tuple[int, list[int]]]]:
    """Yield prompts' numbers with their new ids as they end, some at a time.

    Args:
        decoder: of the model.
        prompts: token ids; equal ones that begin together are read once.
        settings: how tokens are chosen; without beams and n-grams.
        max_new_tokens: at most so many for a prompt.
        end_ids: tokens that end a summary, each the last of its new ids.
        seeds: one a prompt, where tokens are drawn; with `mbr_samples` None takes the most likely ones.
        rows: prompts at a time; by default all.
        batch: of this decoder and these settings, empty, whose memory and graphs are used again.
    """
    rows = min(rows or len(prompts), len(prompts))
    if batch is None:
        longest = max(map(len, prompts))
        batch = ChoosingBatch(decoder, settings, end_ids, rows=rows, longest=longest, most=max_new_tokens)
    waiting = list(range(len(prompts)))[::-1]
    numbers: list[int] = []  # of the prompts in the batch's rows; -1 once it has been yielded
    while waiting or numbers:
        with torch.inference_mode():
            ended = batch.ended()
            new = [row for row in ended if numbers[row] >= 0]
            results = [(numbers[row], ids) for row, ids in zip(new, batch.results(new), strict=True)]
            for row in new:
                numbers[row] = -1
            if batch.may_leave(len(ended), bool(waiting)):
                for source, target in batch.remove(ended):
                    numbers[target] = numbers[source]
                del numbers[len(batch) :]
                joining = [waiting.pop() for _ in range(min(len(waiting), rows - len(batch)))]
                if joining:
                    chosen = [prompts[number] for number in joining]
                    batch.begin(chosen, [seeds[number] for number in joining] if seeds else [])
                    numbers += joining
        if results:
            yield results
        with torch.inference_mode():
            batch.advance()


class ChoosingBatch(RowBatch):
    """A batch that chooses its own tokens, so that many steps need no word from the host."""

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
        """Make room for `rows` sequences of `longest` tokens and `most` new ones each."""
        super().__init__(decoder)
        rows = padded_rows(rows, self.device)
        self.reserve(rows, longest + most)
        vocabulary = len(decoder.head)
        self._picker = Picker(settings, end_ids, rows=rows, most=most, vocabulary=vocabulary, device=self.device)
        self._ends = torch.tensor(list(end_ids), device=self.device)
        self._most = most
        self._all_rows = torch.arange(rows, device=self.device)
        # 1 for a row that goes on, 0 for one that has ended or holds nothing: its places and tokens stay as they are.
        self._going = torch.zeros(rows, dtype=torch.int64, device=self.device)
        self._count = torch.zeros_like(self._going)
        self._new = torch.zeros(rows, most + 1, dtype=torch.int64, device=self.device)

    def begin(self, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> None:
        """Add prompts at the end of the batch, and take each one's first token."""
        first = len(self)
        logits = self.add(prompts)
        rows = self._all_rows[first : len(self)]
        self._picker.begin(rows, prompts, seeds)
        self._lengths[rows] = torch.tensor(self.lengths[first:], device=self.device)
        self._going[rows], self._count[rows] = 1, 0
        self._choose(logits, rows)

    def advance(self) -> None:
        """Take further tokens: on a GPU several before the next look at what has ended."""
        for _ in range((1 if self.device.type == "cpu" else _STEPS_UNSEEN) if len(self) else 0):
            self._stepped(padded_rows(len(self), self.device))

    def ended(self) -> list[int]:
        """Return the rows that have ended, in order."""
        return [row for row, going in enumerate(self._going[: len(self)].tolist()) if not going]

    def results(self, rows: Sequence[int]) -> list[list[int]]:
        """Return the new ids of rows that have ended."""
        index = torch.tensor(rows, dtype=torch.int64, device=self.device)
        new, counts = self._new[index].tolist(), self._count[index].tolist()
        return [ids[:count] for ids, count in zip(new, counts, strict=True)]

    def may_leave(self, ended: int, others_wait: bool) -> bool:
        """Tell whether so many rows that have ended should leave now."""
        left = len(self) - ended
        if self.device.type == "cpu" or not left:
            return ended > 0 or not left
        if others_wait:
            return ended * _LEAVING_SHARE >= len(self)
        return padded_rows(left, self.device) < padded_rows(len(self), self.device)

    def remove(self, rows: Sequence[int]) -> list[tuple[int, int]]:  # type: ignore[override]
        """Drop rows, given in order; the last ones take their places. Return which went where, as (source, target)."""
        kept, dropped = len(self) - len(rows), set(rows)
        targets = [row for row in rows if row < kept]
        sources = [row for row in range(kept, len(self)) if row not in dropped]
        if targets:
            self._copy(sources, targets, self._places)
            source, target = (torch.tensor(of, device=self.device) for of in (sources, targets))
            for states in (self._tokens, self._lengths, self._going, self._count, self._new, *self._picker.states()):
                states[target] = states[source]
        self._going[kept:], self._lengths[kept:] = 0, 0
        del self.lengths[kept:]
        return list(zip(sources, targets, strict=True))

    def _run(self, rows: int) -> torch.Tensor:
        logits = super()._run(rows)
        self._lengths[:rows] += self._going[:rows]
        self._choose(logits, self._all_rows[:rows])
        return logits

    def _choose(self, logits: torch.Tensor, rows: torch.Tensor) -> None:
        """Choose a token for each of some rows, and see which end with it."""
        count, going = self._count[rows], self._going[rows]
        tokens = self._picker.pick(logits, rows, count)
        self._tokens[rows], self._new[rows, count] = tokens, tokens
        count = count + going
        is_end = (tokens[:, None] == self._ends).any(dim=1)
        self._count[rows] = count
        self._going[rows] = going * (~is_end & (count < self._most))
