"""A thread in each rank that looks whether all others are alive, and ends this one where the run has ended.

Libraries wait without end for a rank that is gone, each in its own way. Here every rank counts up in the store that all
share; one that stands still is gone. The first failure stays in the store. The main thread is interrupted, and where
it doesn't come back from waiting, the process is left.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from .failure import Failure, claim, failure_in, raise_failure
from .place import RankPlace

_LOOK_SECONDS = 1.0
_SILENT_SECONDS = 15.0  # after which a rank is gone
_SILENT_HERE_SECONDS = 60.0  # of our own launcher, which sees itself that a process has ended
ALONE_TIMES = 12
"""How many times longer the others wait for a rank that has said that it works without them."""
_LAST_SECONDS = 5.0  # that the main thread has to come back, and once more after communication was ended
_SIGNAL = signal.SIGUSR2
_DONE, _ALONE = "done", "alone"  # what a rank says of itself besides its counts


class Watch:
    """Watches a run's ranks from one of them.

    Attributes:
        failure: what has ended the run, once that is known.
        meetings: how many times this rank has met the others, or begun to wait for them.
        progress: counts up with each part of long work between two meetings; the others' patience begins anew.
        last_words: called before the process is left from outside its main thread.
    """

    def __init__(self, place: RankPlace, store: Any, wait_seconds: float, abort: Callable[[], None]) -> None:
        """Prepare to watch.

        Args:
            place: of this process.
            store: a client of its own of the shared store.
            wait_seconds: most that a rank may keep the others waiting, without progress; `ALONE_TIMES` as long
                with work that is its alone.
            abort: ends communication that is under way.
        """
        self.place, self._store, self._wait_seconds, self._abort = place, store, wait_seconds, abort
        self.failure: Failure | None = None
        self.meetings = 0
        self.progress = 0
        self.last_words: Callable[[Failure], None] = lambda failure: None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._leaving = False
        self._beats = 0
        self._seen: dict[int, tuple[str, float]] = {}  # each rank's last sign of life, and when it was new
        # Who keeps others waiting: its meetings and progress, and since when.
        self._behind: dict[int, tuple[tuple[int, int], float]] = {}
        self._alone = 0
        self._previous: Any = None
        self._silent_seconds = _SILENT_HERE_SECONDS if place.launched_here else _SILENT_SECONDS
        self._thread = threading.Thread(target=self._run, daemon=True, name="yoyak-ranks")

    def start(self) -> None:
        """Begin to watch."""
        self._beat()
        self._previous = signal.signal(_SIGNAL, self._interrupted)
        self._thread.start()

    def stop(self) -> None:
        """End watching: this rank has finished or ends by itself."""
        self._leaving = True
        self._stopped.set()
        # The thread may just have sent its signal, which by default would end the process.
        signal.signal(_SIGNAL, signal.SIG_IGN if self._previous == signal.SIG_DFL else self._previous)
        # A thread that is asking the store while the interpreter ends would take the process with it (SIGABRT).
        self._thread.join(_LAST_SECONDS)

    def leaves(self) -> None:
        """Note that this rank is about to end in order: a store that is gone is no failure any more."""
        self._leaving = True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Tell the others that this rank does something without them, so that it doesn't look as if it hung."""
        self._alone, self.progress = self._alone + 1, self.progress + 1
        try:
            yield
        finally:
            self._alone, self.progress = self._alone - 1, self.progress + 1

    def report(self, failure: Failure) -> Failure:
        """Make a failure of this rank, which ends by itself, known; return the first of the run."""
        self._leaving = True
        with self._lock:
            if self.failure is None:
                try:
                    self.failure = claim(self._store, failure)
                except RuntimeError:  # the store is gone
                    self.failure = failure
            return self.failure

    def settle(self, seconds: float = _SILENT_SECONDS + 3 * _LOOK_SECONDS) -> Failure | None:
        """Wait, since communication has failed, until it is known who has ended the run; None where nobody has."""
        end = time.monotonic() + seconds
        while self.failure is None and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS / 10)
        return self.failure

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.failure is not None and not self._leaving:
            raise_failure(self.failure)

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                with self._lock:
                    if self.failure is None:
                        self._look()
            except RuntimeError:
                self._lose_store()
            if self.failure is not None:
                self._end(self.failure)
                return

    def _look(self) -> None:
        self._beat()
        self.failure = failure_in(self._store)
        if self.failure is not None:
            return
        keys = [_beat_of(rank) for rank in range(self.place.count)]
        if not self._store.check(keys):
            return
        signs, now = [value.decode() for value in self._store.multi_get(keys)], time.monotonic()
        parts = [sign.split("/") for sign in signs]
        marks = [(int(meetings), int(progress)) for _, meetings, progress, _ in parts]
        furthest = max(meetings for meetings, _ in marks)
        for rank, sign in enumerate(signs):
            if self._seen.get(rank, ("", 0.0))[0] != sign:
                self._seen[rank] = (sign, now)
            if marks[rank][0] == furthest:
                self._behind.pop(rank, None)
            elif self._behind.get(rank, ((-1, -1), now))[0] != marks[rank]:
                self._behind[rank] = (marks[rank], now)
            state = parts[rank][-1]
            if all(other == _DONE for *_, other in parts[:rank] + parts[rank + 1 :]):
                state = state or _ALONE  # the others only wait to end together
            why = self._gone_since(rank, state, now)
            if why:
                self._say(claim(self._store, Failure(rank, self.place.count, why)))
                return

    def _gone_since(self, rank: int, state: str, now: float) -> str | None:
        if state != _DONE and now - self._seen[rank][1] > self._silent_seconds:
            return f"has not answered for {self._silent_seconds:.0f} seconds; it was killed, or its machine is gone"
        waited, minutes = now - self._behind.get(rank, ((0, 0), now))[1], self._wait_seconds / 60
        if state == _ALONE and waited > ALONE_TIMES * self._wait_seconds:
            return (
                f"has kept the others waiting for {ALONE_TIMES * minutes:g} minutes with work of its own "
                f"({ALONE_TIMES} times training.rank_timeout)"
            )
        if state != _ALONE and waited > self._wait_seconds:
            return f"has kept the others waiting for {minutes:g} minutes (training.rank_timeout)"
        return None

    def _say(self, failure: Failure) -> None:
        """Say a failure that another rank can't say any more; our own launcher says it itself."""
        self.failure = failure
        if not self.place.launched_here and self.place.rank == min({0, 1} - {failure.rank}):
            print(f"yoyak: {failure.sentence()}", file=sys.stderr, flush=True)

    def _lose_store(self) -> None:
        if self._leaving or self._stopped.wait(2 * _LOOK_SECONDS):
            return
        who = "the launcher" if self.place.launched_here or self.place.launcher == "torchrun" else "rank 0"
        self.failure = Failure(self.place.rank, self.place.count, f"{who} is gone, so it has stopped")

    def _beat(self) -> None:
        self._beats += 1
        state = _DONE if self._leaving else _ALONE if self._alone else ""
        self._store.set(_beat_of(self.place.rank), f"{self._beats}/{self.meetings}/{self.progress}/{state}")

    def _end(self, failure: Failure) -> None:
        """Interrupt the main thread; leave the process where that does not help."""
        if self._leaving:
            return
        signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
        if self._stopped.wait(_LAST_SECONDS):
            return
        threading.Thread(target=self._abort, daemon=True).start()  # gloo's returns when the others are gone
        if self._stopped.wait(_LAST_SECONDS):
            return
        with suppress(Exception):
            self.last_words(failure)
        os._exit(failure.code)


def _beat_of(rank: int) -> str:
    return f"beat/{rank}"
