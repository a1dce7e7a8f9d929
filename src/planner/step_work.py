"""The micro-batches of a run's steps, from the lengths of its examples, laid out as training lays them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ..data.batches.bins import assign_to_bins, deal, shared_tokens
from ..data.batches.orders import shuffled, similar_batches
from .memory import MicroBatchSize

ExampleTokens = tuple[int, int]
"""Tokens of an example, and how many of them are targets."""
_MOST_LAID_OUT = 1_000_000
_shuffled = lru_cache(maxsize=8)(shuffled)


class Examples(tuple[ExampleTokens, ...]):
    """Examples of a run, which keep their hash: what is cached by them below asks for it at each call."""

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()


@lru_cache(maxsize=8)
def kept_examples(examples: tuple[ExampleTokens, ...]) -> Examples:
    """Return the same object for equal examples: caches need not compare thousands."""
    return Examples(examples)


@dataclass(frozen=True)
class StepWork:
    """Means over steps, and the largest micro-batch that occurs. Of several cards these are the fullest's of each step,
    for which the others wait, and the largest of any card.

    Attributes:
        computed: tokens of a step, with filler or padding.
        tokens: of these, the examples', those that they share counted once.
        targets: of these, those with a loss.
        pairs: of a query and a key that the causal mask lets through, padding included.
        micro_batches: of a step.
        largest: sizes that bound every micro-batch.
        later: sizes that bound those after the first of their step (trainer engine), or None where there are none.
        levels: 2 where sequences of a micro-batch go on from another (a shared beginning, a group's prompt), else 1.
    """

    computed: float
    tokens: float
    targets: float
    pairs: float
    micro_batches: float
    largest: MicroBatchSize
    later: MicroBatchSize | None = None
    levels: int = 1

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
    cards: int = 1,
) -> StepWork:
    """Return the work of the packed engine's steps `first` to `most` in the order of `seed`.

    Steps have `per_step` examples, dealt to so many `cards` as training deals them; micro-batches at most `capacity`
    tokens, filled up to a `multiple`; all examples begin with `common` tokens. Steps before `first` are left out of the
    means, but not of the largest.
    """
    totals = [0.0] * 5
    tokens_most = targets_most = examples_most = longest = counted = 0
    shared = shared_tokens(common)
    for number, step in enumerate(_packed_steps(examples, per_step, seed, most)):
        fullest = [0] * 5
        for part in _dealt(step, cards):
            sums = [0] * 5
            for indices in assign_to_bins([length - shared for length, _ in part], capacity - shared, side_by_side):
                chosen = [part[index] for index in indices]
                own, targets = _rows(chosen, shared), sum(count for _, count in chosen)
                filled = -(-own // multiple) * multiple
                pairs = sum(length * (length + 1) // 2 for length, _ in chosen) + (filled - own) ** 2 // 2
                pairs -= (len(chosen) - 1) * shared * (shared + 1) // 2
                tokens_most, targets_most = max(tokens_most, filled), max(targets_most, targets)
                examples_most, longest = max(examples_most, len(chosen)), max(longest, chosen[0][0])
                sums = [total + value for total, value in zip(sums, (filled, own, targets, pairs, 1), strict=True)]
            fullest = max(fullest, sums)
        if number >= first:
            totals = [total + value for total, value in zip(totals, fullest, strict=True)]
        counted += number >= first
    largest = MicroBatchSize(tokens_most, targets_most, examples_most, longest)
    return _means(totals, max(counted, 1), largest)


def _dealt(step: list[ExampleTokens], cards: int) -> list[list[ExampleTokens]]:
    """Return each card's examples of a step."""
    if cards == 1:
        return [step]
    return [[step[index] for index in part] for part in deal([length for length, _ in step], cards)]


def _means(
    totals: Sequence[float], steps: float, largest: MicroBatchSize, later: MicroBatchSize | None = None
) -> StepWork:
    computed, tokens, targets, pairs, micro_batches = (total / steps for total in totals)
    return StepWork(computed, tokens, targets, pairs, micro_batches, largest, later)


@lru_cache(maxsize=8)
def largest_step_tokens(
    examples: tuple[ExampleTokens, ...], per_step: int, seed: int, most: int, shared: int = 0, cards: int = 1
) -> int:
    """Return the most tokens of a card's part of a step in one micro-batch, which bound one however large it may be.

    The first `shared` of each example are computed once. Of more than a million examples in all, the longest stand in
    one step: so many epochs come near to that, and to lay them all out could take hours.
    """
    is_long = most * per_step > _MOST_LAID_OUT
    steps = [sorted(examples, reverse=True)[:per_step]] if is_long else _packed_steps(examples, per_step, seed, most)
    return max(_rows(part, shared) for step in steps for part in _dealt(step, cards))


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
    lengths = [length for length, _ in examples]
    batches = similar_batches(lengths, batch_size, seed, 0)[: most * accumulation]  # each sorted, the longest first
    steps = [batches[start : start + accumulation] for start in range(0, len(batches), accumulation)]
    sizes = [[_padded([examples[index] for index in batch]) for batch in step] for step in steps]
    sums = [[sum(column) for column in zip(*(one[0] for one in step), strict=True)] for step in sizes]
    totals = [sum(column) for column in zip(*sums[first:], strict=True)]
    counted = max((len(batches) - first * accumulation) / accumulation, 1 / accumulation)
    return _means(totals or [0] * 5, counted, *_largest_padded([[one[1] for one in step] for step in sizes]))


@lru_cache(maxsize=32)
def dealt_padded_work(
    examples: tuple[ExampleTokens, ...], per_step: int, batch_size: int, seed: int, most: int, first: int, cards: int
) -> StepWork:
    """Return the same of several cards, to which each step's examples are dealt before they become micro-batches."""
    batches = similar_batches([length for length, _ in examples], batch_size, seed, 0)
    order = [examples[index] for batch in batches for index in batch]
    every: list[list[MicroBatchSize]] = []
    totals, counted = [0.0] * 5, 0
    for number, start in enumerate(range(0, min(len(order), most * per_step), per_step)):
        dealt = [part for part in _dealt(order[start : start + per_step], cards) if part]
        parts = [[_padded(part[at : at + batch_size]) for at in range(0, len(part), batch_size)] for part in dealt]
        sums = [[sum(column) for column in zip(*(one[0] for one in part), strict=True)] for part in parts]
        every += [[one[1] for one in part] for part in parts]
        if number >= first:
            totals = [total + value for total, value in zip(totals, max(sums), strict=True)]
            counted += 1
    return _means(totals, max(counted, 1), *_largest_padded(every))


def _padded(batch: Sequence[ExampleTokens]) -> tuple[tuple[int, int, int, int, int], MicroBatchSize]:
    """Return a padded micro-batch's part of the totals, and its size; the longest example comes first."""
    width, size = batch[0][0], len(batch)
    own, targets = sum(length for length, _ in batch), sum(count for _, count in batch)
    return (width * size, own, targets, size * width * (width + 1) // 2, 1), MicroBatchSize(
        width * size, targets, size, width
    )


def _largest_padded(steps: Sequence[Sequence[MicroBatchSize]]) -> tuple[MicroBatchSize, MicroBatchSize | None]:
    """Return of each figure the most, which need not be of one micro-batch: of all, and of those after the first."""
    every, later = [one for step in steps for one in step], [one for step in steps for one in step[1:]]
    return _most(every), _most(later) if later else None


def _most(sizes: Sequence[MicroBatchSize]) -> MicroBatchSize:
    columns = ((one.tokens, one.targets, one.examples, one.longest) for one in sizes)
    return MicroBatchSize(*map(max, zip(*columns, strict=True)))


def evaluation_batch(examples: Sequence[ExampleTokens], batch_size: int) -> MicroBatchSize:
    """Return the largest evaluation batch: the longest examples together, padded."""
    longest = sorted(examples, reverse=True)[:batch_size]
    width = longest[0][0] if longest else 0
    return MicroBatchSize(width * len(longest), sum(count for _, count in longest), len(longest), width)
