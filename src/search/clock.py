"""The time of a search: what its processes have run, whatever passed between a kill and going on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import YoyakError
from ..files import write_atomic
from .folder import CLOCK_FILE

_WRITE_SECONDS = 1.0  # at most so much is lost by a kill
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class SearchClock:
    """Counts the seconds of a search towards its deadline, in a file beside the trials.

    Several workers share it: the time runs while any of them does. A process that begins where none has been seen for
    a while goes on with what was spent.
    """

    def __init__(
        self, folder: Path, deadline_seconds: float, began: float | None = None, now: Callable[[], float] = time.time
    ) -> None:
        """Start, or join, at `began` (seconds since the epoch; now if None)."""
        self.path, self.deadline_seconds, self._now = folder / CLOCK_FILE, deadline_seconds, now
        spent, since, seen = self._read()
        moment = now() if began is None else began
        joins = seen > moment - 5 * _WRITE_SECONDS
        self._spent, self._since = (spent, since) if joins else (spent + seen - since, moment)
        self._write()

    @property
    def spent(self) -> float:
        """Return the seconds that the search has run."""
        return self._spent + self._now() - self._since

    @property
    def left(self) -> float:
        """Return the seconds until the deadline; negative after it."""
        return self.deadline_seconds - self.spent

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write where the time stands each second."""
        stopped = threading.Event()

        def write() -> None:
            while not stopped.wait(_WRITE_SECONDS):
                with suppress(OSError):  # of a full disk, which is said elsewhere
                    self._write()

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        try:
            yield
        finally:
            stopped.set()
            writer.join()
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        told = {"spent": self._spent, "since": self._since, "seen": self._now(), "deadline": self.deadline_seconds}
        write_atomic(self.path, json.dumps(told))

    def _read(self) -> tuple[float, float, float]:
        try:
            there = json.loads(self.path.read_text(encoding="utf-8"))
            return float(there["spent"]), float(there["since"]), float(there["seen"])
        except (OSError, ValueError, LookupError, TypeError):
            return 0.0, 0.0, 0.0


def read_duration(text: str, option: str) -> float:
    """Return the seconds of `90s`, `20m`, `3h`, `1d` or `1h30m`.

    Raises:
        YoyakError: it is none.
    """
    seconds, number = 0.0, ""
    for character in text.strip().lower():
        if character in _UNITS and number:
            try:
                seconds += float(number) * _UNITS[character]
            except ValueError:
                break
            number = ""
        elif character.isdecimal() or character == ".":
            number += character
        else:
            number = "?"
            break
    if number or not 0 < seconds < float("inf"):
        raise YoyakError(f"{option} {text}: give a time such as 90s, 20m, 3h or 1h30m")
    return seconds
