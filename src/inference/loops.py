"""Summaries that end in a loop, the same tokens again and again up to the limit: which these are, and what is kept."""

from collections.abc import Collection, Sequence

from ..bilingual import count

_CYCLES = 3
_LEAST_TOKENS = 12  # one syllable may be three byte tokens, and is no loop when it comes three times before the limit
_LONG_CYCLE = 24  # tokens, a sentence: nobody writes one twice in a row and then begins it again (docs/generation.md)


def tokens_before_repetition(ids: Sequence[int], end_ids: Collection[int]) -> int | None:
    """Return how many ids there are up to the second cycle of the loop that they end in; None where they end in none.

    A loop is the same cycle of ids three times or more, 12 ids or more together, up to the limit: of what has one of
    `end_ids` nothing is. A cycle of 24 ids or more has to come twice, and begin once more. What is left out is always
    a copy of what is kept.
    """
    if not set(end_ids).isdisjoint(ids):
        return None
    for cycle in range(1, len(ids) // 2 + 1):
        least = 2 * cycle + 1 if cycle >= _LONG_CYCLE else max(_CYCLES * cycle, _LEAST_TOKENS)
        start = len(ids) - cycle
        while start and ids[start - 1] == ids[start - 1 + cycle]:
            start -= 1
        if len(ids) - start >= least:
            return start + cycle
    return None


def loops_note(looped: int, truncated: bool) -> str:
    """Return in words how many summaries ended in a loop, and whether it was cut off."""
    note = f"{count(looped, 'summary', 'summaries')} ran into tokenizer.decoder_max_len in a loop"
    return f"{note}, whose repetition was cut off" if truncated else note
