"""How many requests a batch may have: fewer since memory ran out, and more again once it has been enough."""

import time

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 60.0, 3600.0


class BatchLimit:
    """The most requests at a time.

    What took the memory may have been another process, which has ended: after a minute twice as many may go, twice as
    many again a minute later, and so on up to `most`. Each time that memory runs out the wait doubles, up to an hour.
    """

    def __init__(self, most: int) -> None:
        self.most, self._allowed = most, most
        self._wait, self._next = 0.0, 0.0

    def allowed(self) -> int:
        """Return how many may go at a time now."""
        if self._allowed < self.most and time.monotonic() >= self._next:
            self._allowed = min(2 * self._allowed, self.most)
            self._next = time.monotonic() + self._wait
        return self._allowed

    def lower(self, tried: int) -> None:
        """Allow half of what was tried when memory ran out, one at the least."""
        self._allowed = max(1, tried // 2)
        self._wait = min(2 * self._wait, _LONGEST_WAIT_SECONDS) or _FIRST_WAIT_SECONDS
        self._next = time.monotonic() + self._wait
