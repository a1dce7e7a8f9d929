"""The order of a run's examples, which only seed and epoch decide; without torch, which planning does not load."""

import random
from collections.abc import Sequence

_BLOCK_BATCHES = 50  # batches of similar length are made within so many


def shuffled(examples: int, seed: int, epoch: int) -> list[int]:
    """Return an epoch's order of so many examples."""
    order = list(range(examples))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return order


def similar_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Return an epoch's batches: shuffled examples, sorted by length within blocks, the batches shuffled again.

    Padding is small, and the longest batch comes first: an out-of-memory error shows at once. A batch that is short
    comes last.
    """
    rng = random.Random(f"{seed}/{epoch}")
    order = list(range(len(lengths)))
    rng.shuffle(order)
    block = _BLOCK_BATCHES * batch_size
    batches: list[list[int]] = []
    for start in range(0, len(order), block):
        part = sorted(order[start : start + block], key=lengths.__getitem__, reverse=True)
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    short = [batches.pop()] if len(batches[-1]) < batch_size else []
    rng.shuffle(batches)
    if batches:
        longest = max(range(len(batches)), key=lambda i: lengths[batches[i][0]])
        batches[0], batches[longest] = batches[longest], batches[0]
    return batches + short
