"""Generating over the ranks of a run: each makes a part of the summaries, and all get all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..ranks.group import gathered, note_progress, own_rank, rank_count

T = TypeVar("T")


def dealt(
    prompts: Sequence[list[int]],
    stream: Callable[[list[list[int]]], Iterator[tuple[int, T]]],
    on_result: Callable[[int, T], None] = lambda index, result: None,
) -> list[T]:
    """Return what is made of each prompt, in order.

    Args:
        prompts: as ids.
        stream: yields the place of each of some prompts and what is made of it.
        on_result: called with a prompt's index and result: with this rank's as they come, then with the others'.
    """
    longest_first = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    own = longest_first[own_rank() :: rank_count()] if rank_count() > 1 else list(range(len(prompts)))
    results: dict[int, T] = {}
    for place, result in stream([prompts[index] for index in own]):
        results[own[place]] = result
        on_result(own[place], result)
        note_progress()
    for part in gathered(results):
        for index, result in part.items():
            if index not in results:
                results[index] = result
                on_result(index, result)
    return [results[index] for index in range(len(prompts))]
