"""When to try as much at a time again as memory had no room for."""

import time

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 60.0, 3600.0


class TryAgain:
    """A pause after memory has run out: what took it may have been another process, which has ended since.

    It is a minute long, twice as long each time that memory runs out again, and an hour at most.
    """

    def __init__(self) -> None:
        self._wait, self._next = 0.0, 0.0

    def ran_out(self) -> None:
        """Begin the next pause."""
        self._wait = min(2 * self._wait, _LONGEST_WAIT_SECONDS) or _FIRST_WAIT_SECONDS
        self._next = time.monotonic() + self._wait

    def is_time(self) -> bool:
        """Tell whether the pause is over; where it is, as long a one begins."""
        over = time.monotonic() >= self._next
        if over:
            self._next = time.monotonic() + self._wait
        return over
