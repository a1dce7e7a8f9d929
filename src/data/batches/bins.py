"""Which examples share a micro-batch; apart from the packing itself, so that planning needs no torch."""

from collections.abc import Sequence
from heapq import heapreplace

CAPTURED_TOKENS = 16384  # on a GPU, micro-batches up to this run from CUDA graphs; larger ones keep it busy without
BESIDE_BYTES = 128_000_000  # operands of a captured layer up to which adapters' gradients are added on a branch
_CAPTURED_MULTIPLE = 256
_ALIGNED_MULTIPLE = 64
SIDE_BY_SIDE = 2  # micro-batches that a CPU computes at a time, each on its part of the threads
_LEAST_SHARED = 16  # fewer are not worth what attention does for them


def filled_multiple(capacity: int) -> int:
    """Return the multiple of tokens that micro-batches on a GPU are filled up to.

    Captured ones to few sizes, since each is captured once; others to what products are fastest with.
    """
    if capacity > CAPTURED_TOKENS:
        return _ALIGNED_MULTIPLE
    large = capacity > 16 * _CAPTURED_MULTIPLE and capacity % (2 * _CAPTURED_MULTIPLE) == 0
    return 2 * _CAPTURED_MULTIPLE if large else _CAPTURED_MULTIPLE


def shared_tokens(common: int) -> int:
    """Return how many of the `common` tokens, with which all examples begin, a micro-batch computes once: all or none.

    The micro-batch's size has no say: what dropout drops must not depend on it.
    """
    return common if common >= _LEAST_SHARED else 0


def deal(lengths: Sequence[int], ranks: int) -> list[list[int]]:
    """Return the examples of each rank, the longest first, so that all have about as many tokens.

    Each next longest goes to the rank that has the fewest tokens so far, the first of them.
    """
    dealt: list[list[int]] = [[] for _ in range(ranks)]
    loads = [(0, rank) for rank in range(ranks)]
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        load, least = loads[0]
        dealt[least].append(index)
        heapreplace(loads, (load + lengths[index], least))
    return dealt


def assign_to_bins(lengths: Sequence[int], capacity: int, side_by_side: int = 1) -> list[list[int]]:
    """Return the examples of each micro-batch: first-fit decreasing; one longer than `capacity` tokens gets its own.

    Where several are computed side by side, their number is a multiple of that and they are about equally large, the
    largest first, so that none waits for another.
    """
    if side_by_side > 1:
        return _equal_bins(lengths, capacity, side_by_side)
    bins: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        place = next((b for b, free in enumerate(room) if free >= lengths[index]), None)
        if place is None:
            bins.append([])
            room.append(max(capacity, lengths[index]))
            place = len(bins) - 1
        bins[place].append(index)
        room[place] -= lengths[index]
    return bins


def _equal_bins(lengths: Sequence[int], capacity: int, side_by_side: int) -> list[list[int]]:
    """Return the fewest bins, by a multiple of `side_by_side`, that hold each next longest in the emptiest of them."""
    if not lengths:
        return []
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    most = max(capacity, *lengths)
    count = -(-sum(lengths) // most)
    while True:
        count += -count % side_by_side
        bins: list[list[int]] = [[] for _ in range(min(count, len(lengths)))]
        loads = [0] * len(bins)
        for index in order:
            emptiest = loads.index(min(loads))
            bins[emptiest].append(index)
            loads[emptiest] += lengths[index]
        if max(loads) <= most:
            return [bins[place] for place in sorted(range(len(bins)), key=lambda place: -loads[place])]
        count += 1
