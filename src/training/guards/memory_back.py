"""Memory of a GPU that others held when it ran out: once they have let go of it, a run computes as it was planned.

Without this a game of a minute on the same card would leave small micro-batches for the hours to come.
"""

import time

from ...models.free_memory import room_bytes

_LOOK_SECONDS = 60.0


class PlannedMemory:
    """The bytes of a GPU that a run was planned to take, CUDA's own part among them."""

    def __init__(self, planned_bytes: int) -> None:
        self._planned_bytes, self._next_look = planned_bytes, 0.0

    def is_taken(self) -> bool:
        """Tell whether other processes hold some of it."""
        self._next_look = time.monotonic() + _LOOK_SECONDS
        return room_bytes(0) < self._planned_bytes

    def is_back(self) -> bool:
        """Tell whether none hold any of it now; it looks once a minute, and says no in between."""
        return time.monotonic() >= self._next_look and not self.is_taken()
