"""How many requests a batch may have: fewer since memory ran out, and more again once it has been enough."""

from ..inference.try_again import TryAgain


class BatchLimit:
    """The most requests at a time: half of what was too many, and after each pause twice as many, up to `most`."""

    def __init__(self, most: int) -> None:
        self.most, self._allowed, self._again = most, most, TryAgain()

    def allowed(self) -> int:
        """Return how many may go at a time now."""
        if self._allowed < self.most and self._again.is_time():
            self._allowed = min(2 * self._allowed, self.most)
        return self._allowed

    def lower(self, tried: int) -> None:
        """Allow half of what was tried when memory ran out, one at the least."""
        self._allowed = max(1, tried // 2)
        self._again.ran_out()
