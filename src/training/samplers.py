"""The order of a run's examples, which only seed and epoch decide."""

from collections.abc import Iterator

from torch.utils.data import Sampler

from ..data.batches.orders import shuffled, similar_batches


class ShuffledSampler(Sampler[int]):
    """Every example once an epoch, shuffled."""

    def __init__(self, examples: int, seed: int) -> None:
        self.examples, self.seed, self.epoch = examples, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (from 0) whose order comes next."""
        self.epoch = epoch

    def order(self) -> list[int]:
        """Return the epoch's order of examples."""
        return shuffled(self.examples, self.seed, self.epoch)

    def __len__(self) -> int:
        return self.examples

    def __iter__(self) -> Iterator[int]:
        order = self.order()
        self.epoch += 1
        return iter(order)


class SimilarLengthSampler(ShuffledSampler):
    """Every example once an epoch, in batches of similar length."""

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        super().__init__(len(lengths), seed)
        self.lengths, self.batch_size = lengths, batch_size

    def order(self) -> list[int]:
        """Return the epoch's order of examples; see `similar_batches`."""
        batches = similar_batches(self.lengths, self.batch_size, self.seed, self.epoch)
        return [index for batch in batches for index in batch]
