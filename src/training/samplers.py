"""The order of a run's examples, which only seed and epoch decide."""

import random
from collections.abc import Iterator

from torch.utils.data import Sampler


class SimilarLengthSampler(Sampler[int]):
    """Shuffled examples, sorted by length within blocks of 50 batches, the batches shuffled again.

    Padding is small, the longest batch comes first (an out-of-memory error shows at once), and each epoch has an order
    of its own that only the seed decides.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (from 0) whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Return the epoch's order of examples."""
        rng = random.Random(f"{self.seed}/{self.epoch}")
        order = list(range(len(self.lengths)))
        rng.shuffle(order)
        block = 50 * self.batch_size
        batches: list[list[int]] = []
        for start in range(0, len(order), block):
            part = sorted(order[start : start + block], key=lambda index: -self.lengths[index])
            batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        short = batches.pop() if len(batches[-1]) < self.batch_size else []
        rng.shuffle(batches)
        if batches:
            longest = max(range(len(batches)), key=lambda i: self.lengths[batches[i][0]])
            batches[0], batches[longest] = batches[longest], batches[0]
        self.epoch += 1
        return iter([index for batch in [*batches, short] for index in batch])


class ShuffledSampler(Sampler[int]):
    """Every example once an epoch, in an order that only seed and epoch decide."""

    def __init__(self, examples: int, seed: int) -> None:
        self.examples, self.seed, self.epoch = examples, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (from 0) whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of examples."""
        return self.examples

    def __iter__(self) -> Iterator[int]:
        """Return the epoch's order of examples."""
        order = list(range(self.examples))
        random.Random(f"{self.seed}/{self.epoch}").shuffle(order)
        self.epoch += 1
        return iter(order)
