"""Which examples share a micro-batch; apart from the packing itself, so that planning needs no torch."""

from collections.abc import Sequence


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
