"""Batches of similar length within a memory budget; on out-of-memory, retry with half the batch."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary

import torch

from ..errors import MemoryFullError
from ..models.free_memory import free_bytes
from .cache_size import CacheSize
from .try_again import TryAgain

T = TypeVar("T")
_MOST = {"cpu": 16, "cuda": 256}  # of a batch; more is no faster
_MOST_REFILLED = {"cpu": 16, "cuda": 1024}
_WAVES = 8  # times as many items as go at a time are given to what refills its rows: their lengths stay similar
_SHARE_OF_FREE_MEMORY = 0.5  # for the cache; the rest is for activations, logits and what others take


@dataclass
class Splits:
    """How often a model's batches were halved since memory ran out, and the most tokens of a batch now."""

    count: int = 0
    batch_tokens: int | None = None
    again: TryAgain = field(default_factory=TryAgain, compare=False)

    def halve(self, tokens: int) -> None:
        """Take half of as many as memory had no room for."""
        self.count, self.batch_tokens = self.count + 1, tokens // 2
        self.again.ran_out()

    def go_on(self, count: int, batch_tokens: int | None) -> None:
        """Take over what an interrupted run has learned."""
        self.count, self.batch_tokens = count, batch_tokens
        if batch_tokens is not None:
            self.again.ran_out()

    def items(self, longest: int, most: int) -> int:
        """Return how many items of `longest` tokens go at a time, of at most so many; after a pause twice as many."""
        if self.batch_tokens is None:
            return most
        if self.again.is_time():
            self.batch_tokens *= 2
        return min(most, self.batch_tokens // longest)


_SPLITS: "WeakKeyDictionary[Any, Splits]" = WeakKeyDictionary()


def splits_of(model: Any) -> Splits:
    """Return a model's record of halved batches, which outlives a single call."""
    return _SPLITS.setdefault(model, Splits())


def in_batches(
    lengths: Sequence[int],
    run: Callable[[list[int], int], Iterator[list[tuple[int, T]]]],
    most: int,
    room: Callable[[int], int],
    splits: Splits | None = None,
    refills: bool = False,
) -> Iterator[tuple[int, T]]:
    """Call `run` on batches of indices, the longest first, and yield each index with its result as they come.

    Out of memory is not the end: a batch has at most half of the tokens of that one then, and by and by more again.

    Args:
        lengths: tokens that each item takes at the end of its generation.
        run: yields indices with results, some at a time, given indices and how many go at a time.
        most: items at a time.
        room: how many items of so many tokens fit at a time, where the longest has so many; one is always tried.
        splits: what is learned about the memory, here and in earlier calls.
        refills: whether `run` takes more items than go at a time, and lets the next ones join where others have ended.

    Raises:
        MemoryFullError: not even one item fits into memory.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    splits = splits or Splits()
    while order:
        longest = lengths[order[0]]
        at_a_time = max(1, splits.items(longest, min(most, room(longest))))
        batch = order[: at_a_time * _WAVES if refills else at_a_time]
        at_a_time = min(at_a_time, len(batch))
        done: set[int] = set()
        try:
            for part in run(batch, at_a_time):
                done.update(index for index, _ in part)
                yield from part
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if at_a_time == 1:
                raise MemoryFullError(
                    f"out of memory with one dialogue of {longest} tokens (prompt, summary, beams); lower "
                    "tokenizer.encoder_max_len or generation.num_beams, or set lora.use_qlora=true"
                ) from None
        else:
            order = order[len(batch) :]
            continue
        # Here, and not above: an error under way would keep the batch's tensors alive.
        order = [index for index in order if index not in done]
        splits.halve(at_a_time * longest)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logging.getLogger("yoyak").warning(
            "Out of memory with %d dialogues at a time; going on with %d", at_a_time, at_a_time // 2
        )


def largest_batch(batch_size: int | Literal["auto"], device_type: str = "cpu", rows_refill: bool = False) -> int:
    """Return how many items a batch may have at most by `generation.batch_size`, on a `cpu` or `cuda` device.

    Where the next prompts join as others end, a GPU takes more: small models' steps cost the same up to there.
    """
    if batch_size != "auto":
        return batch_size
    most = _MOST_REFILLED if rows_refill else _MOST
    return most.get(device_type, most["cpu"])


# Of torch, and of oneDNN, which has no room for what it rearranges.
_CPU_WORDS = ("DefaultCPUAllocator", "could not create a primitive", "could not create a memory")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Tell whether torch found no memory: CUDA has an error of its own for it, the CPU only words.

    While a CUDA graph is captured, the error hides behind one that the end of the capture raises.
    """
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _CPU_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def rows_that_fit(size: CacheSize, device: torch.device) -> Callable[[int], int]:
    """Return how many sequences of so many tokens have their caches in half of the device's memory that is free now."""
    return partial(size.rows, room=int(free_bytes(device) * _SHARE_OF_FREE_MEMORY))
