"""The micro-batches of a run's steps, from the lengths of its examples, laid out as training lays them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..data.batches.bins import assign_to_bins, shared_tokens
from ..data.batches.orders import shuffled, similar_batches
from .memory import MicroBatchSize

ExampleTokens = tuple[int, int]
"""Tokens of an example, and how many of them are targets."""
_shuffled = lru_cache(maxsize=8)(shuffled)


@dataclass(frozen=True)
class StepWork:
    """Means over steps, and the largest micro-batch that occurs.

    Attributes:
        computed: tokens of a step, with filler or padding.
        tokens: of these, the examples', those that they share counted once.
        targets: of these, those with a loss.
        pairs: of a query and a key that the causal mask lets through, padding included.
        micro_batches: of a step.
        largest: sizes that bound every micro-batch.
        later: sizes that bound those after the first of their step (trainer engine), or None where there are none.
    """

    computed: float
    tokens: float
    targets: float
    pairs: float
    micro_batches: float
    largest: MicroBatchSize
    later: MicroBatchSize | None = None

    @property
    def filler(self) -> float:
        """Return the share of filler or padding in what is computed."""
        return 1 - self.tokens / self.computed


@lru_cache(maxsize=64)
def packed_work(
    examples: tuple[ExampleTokens, ...],
    per_step: int,
    capacity: int,
    seed: int,
    most: int,
    first: int = 0,
    multiple: int = 256,
    common: int = 0,
    side_by_side: int = 1,
) -> StepWork:
    """Return the work of the packed engine's steps `first` to `most` in the order of `seed`.

    Steps have `per_step` examples, micro-batches at most `capacity` tokens, filled up to a `multiple`; all examples
    begin with `common` tokens. Steps before `first` are left out of the means, but not of the largest.
    """
    totals = [0.0] * 5
    tokens_most = targets_most = examples_most = longest = counted = 0
    shared = shared_tokens(common)
    for number, step in enumerate(_packed_steps(examples, per_step, seed, most)):
        for indices in assign_to_bins([length - shared for length, _ in step], capacity - shared, side_by_side):
            chosen = [step[index] for index in indices]
            own, targets = _rows(chosen, shared), sum(count for _, count in chosen)
            filled = -(-own // multiple) * multiple
            pairs = sum(length * (length + 1) // 2 for length, _ in chosen) + (filled - own) ** 2 // 2
            pairs -= (len(chosen) - 1) * shared * (shared + 1) // 2
            tokens_most, targets_most = max(tokens_most, filled), max(targets_most, targets)
            examples_most, longest = max(examples_most, len(chosen)), max(longest, chosen[0][0])
            if number >= first:
                for index, value in enumerate((filled, own, targets, pairs, 1)):
                    totals[index] += value
        counted += number >= first
    largest = MicroBatchSize(tokens_most, targets_most, examples_most, longest)
    return _means(totals, max(counted, 1), largest)


def _means(
    totals: Sequence[float], steps: float, largest: MicroBatchSize, later: MicroBatchSize | None = None
) -> StepWork:
    computed, tokens, targets, pairs, micro_batches = (total / steps for total in totals)
    return StepWork(computed, tokens, targets, pairs, micro_batches, largest, later)


@lru_cache(maxsize=8)
def largest_step_tokens(
    examples: tuple[ExampleTokens, ...], per_step: int, seed: int, most: int, shared: int = 0
) -> int:
    """Return the most tokens of a step in one micro-batch, which bound one however large it may be.

    The first `shared` of each example are computed once.
    """
    return max(_rows(step, shared) for step in _packed_steps(examples, per_step, seed, most))


def _rows(examples: Sequence[ExampleTokens], shared: int) -> int:
    """Return the tokens of a micro-batch without filler."""
    return shared + sum(length - shared for length, _ in examples)


def _packed_steps(
    examples: Sequence[ExampleTokens], per_step: int, seed: int, most: int
) -> Iterator[list[ExampleTokens]]:
    """Yield the examples of each step."""
    done = epoch = 0
    while done < most:
        order = _shuffled(len(examples), seed, epoch)
        for start in range(0, len(order), per_step):
            yield [examples[index] for index in order[start : start + per_step]]
            done += 1
            if done >= most:
                return
        epoch += 1


@lru_cache(maxsize=32)
def padded_work(
    examples: tuple[ExampleTokens, ...], batch_size: int, accumulation: int, seed: int, most: int, first: int = 0
) -> StepWork:
    """Return the work of the trainer engine's steps, whose micro-batches are padded to their longest example."""
    lengths, counts = [length for length, _ in examples], [count for _, count in examples]
    batches = similar_batches(lengths, batch_size, seed, 0)[: most * accumulation]
    widths = [lengths[batch[0]] for batch in batches]  # a batch is sorted, the longest first
    sizes = [len(batch) for batch in batches]
    tokens = [width * size for width, size in zip(widths, sizes, strict=True)]
    targets = [sum([counts[index] for index in batch]) for batch in batches]
    pairs = [size * width * (width + 1) // 2 for width, size in zip(widths, sizes, strict=True)]
    begin = first * accumulation
    own = sum([lengths[index] for batch in batches[begin:] for index in batch])
    totals = [sum(tokens[begin:]), own, sum(targets[begin:]), sum(pairs[begin:]), len(batches[begin:])]
    counted = max((len(batches) - begin) / accumulation, 1 / accumulation)
    columns = tokens, targets, sizes, widths
    largest = MicroBatchSize(*map(max, columns))  # of each the most, which need not be of one batch
    later = [[value for number, value in enumerate(column) if number % accumulation] for column in columns]
    return _means(totals, counted, largest, MicroBatchSize(*map(max, later)) if later[0] else None)


def evaluation_batch(examples: Sequence[ExampleTokens], batch_size: int) -> MicroBatchSize:
    """Return the largest evaluation batch: the longest examples together, padded."""
    longest = sorted(examples, reverse=True)[:batch_size]
    width = longest[0][0] if longest else 0
    return MicroBatchSize(width * len(longest), sum(count for _, count in longest), len(longest), width)
