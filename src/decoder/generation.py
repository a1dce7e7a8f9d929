"""Continuing prompts until they end; the next ones join where others have left."""

from collections.abc import Iterator, Sequence

import torch

from ..config.schema import GenerationSettings
from .beam_batch import BeamBatch
from .cached_decoder import CachedDecoder
from .choosing_batch import ChoosingBatch


def generate(
    decoder: CachedDecoder,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    *,
    max_new_tokens: int,
    end_ids: Sequence[int],
    seeds: Sequence[int | None] = (),
    rows: int | None = None,
    batch: ChoosingBatch | None = None,
) -> Iterator[list[tuple[int, list[int]]]]:
    """Yield prompts' numbers with their new ids as they end, some at a time.

    Args:
        decoder: of the model.
        prompts: token ids; equal ones that begin together are read once.
        settings: how tokens are chosen.
        max_new_tokens: at most so many for a prompt.
        end_ids: tokens that end a summary, each the last of its new ids.
        seeds: one a prompt, where tokens are drawn; with `mbr_samples` None takes the most likely ones.
        rows: prompts at a time; by default all.
        batch: of this decoder and these settings, empty, whose memory and graphs are used again.
    """
    rows = min(rows or len(prompts), len(prompts))
    if batch is None:
        longest = max(map(len, prompts))
        kind = BeamBatch if settings.num_beams > 1 else ChoosingBatch
        batch = kind(decoder, settings, end_ids, rows=rows, longest=longest, most=max_new_tokens)
    waiting = list(range(len(prompts)))[::-1]
    numbers: list[int] = []  # of the prompts in the batch; -1 once it has been yielded
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
                del numbers[batch.held :]
                joining = [waiting.pop() for _ in range(min(len(waiting), rows - batch.held))]
                if joining:
                    chosen = [prompts[number] for number in joining]
                    batch.begin(chosen, [seeds[number] for number in joining] if seeds else [])
                    numbers += joining
        if results:
            yield results
        with torch.inference_mode():
            batch.advance()
