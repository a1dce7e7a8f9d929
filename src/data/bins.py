"""Which examples share a micro-batch; apart from the packing itself, so that planning needs no torch."""

from collections.abc import Sequence

CAPTURED_TOKENS = 16384  # on a GPU, micro-batches up to this run from CUDA graphs; larger ones keep it busy without
_CAPTURED_MULTIPLE = 256
_ALIGNED_MULTIPLE = 64
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
    """Return how many of the `common` tokens that all examples begin with a micro-batch computes once: all or none.

    Whatever the micro-batch's size: what dropout drops must not depend on it.
    """
    return common if common >= _LEAST_SHARED else 0


def assign_to_bins(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Return the examples of each micro-batch: first-fit decreasing; one longer than `capacity` gets its own.

    Args:
        lengths: tokens of each example.
        capacity: tokens of a micro-batch.
    """
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
