"""Several processes on one search: who decides what comes next, and whose each trial is."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import YoyakError
from ..runs.lock import is_at, run_lock
from .folder import CLAIMS, NAMED_TRIAL, NAMED_WORKER, locked, worker_names

_MOMENT_SECONDS, _LOOK_SECONDS = 2.0, 0.05


@contextmanager
def deciding(folder: Path, waits: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the search's folder while something is decided; wait for others that do.

    `waits` is called where they take longer than a decision does, as the end of the search.
    """
    path = folder / ".deciding.lock"
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            if waits is not None and not _taken_soon(descriptor):
                waits()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_at(descriptor, path):  # or who held it has failed to begin, and removed the folder
                yield
                return
        finally:
            os.close(descriptor)


def _taken_soon(descriptor: int) -> bool:
    end = time.monotonic() + _MOMENT_SECONDS
    while time.monotonic() < end:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_LOOK_SECONDS)
    return False


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[None]:
    """Hold a trial, or another name, for this process; it is let go however the process ends.

    Raises:
        YoyakError: another process holds it.
    """
    with run_lock(folder / CLAIMS / name):
        yield


def is_free(folder: Path, name: str) -> bool:
    """Tell whether no process holds a name."""
    return _can_be_held(folder / CLAIMS / name)


def held_trials(folder: Path) -> set[str]:
    """Return the names of the trials that a process has: its claim, or its run.

    Of a killed one the run's lock may stay for a moment longer, while the system closes what was opened in between, as
    a GPU's files: to go on at once would be refused, and the trial would count as failed.
    """
    held: set[str] = set()
    for place in (folder / CLAIMS, folder):  # a run whose trial is claimed is not asked for: it may just begin
        held |= {one.name for one in locked(place, NAMED_TRIAL) if one.name not in held and not _can_be_held(one)}
    return held


def _can_be_held(place: Path) -> bool:
    try:
        with run_lock(place):
            return True
    except YoyakError:
        return False


@dataclass(frozen=True)
class SearchWorker:
    """One of a search's workers: the name under which others see it, and what makes it be seen no more."""

    folder: Path
    name: str
    leave: Callable[[], None]

    def is_alone(self) -> bool:
        """Tell whether no other worker is there."""
        return all(is_free(self.folder, name) for name in worker_names(self.folder) if name != self.name)

    def is_last(self) -> bool:
        """Tell whether no other worker is there; where one is, this one is none any more.

        Asked within `deciding` by who has nothing more to do: of two that end at the same time the second must not see
        the first, or neither would end the search.
        """
        if self.is_alone():
            return True
        self.leave()
        return False


@contextmanager
def working(folder: Path, waits: Callable[[], None] | None = None) -> Iterator[SearchWorker]:
    """Be one of a search's workers; `waits` as in `deciding`."""
    name = f"{NAMED_WORKER}{socket.gethostname()}-{os.getpid()}"
    with ExitStack() as held:
        with deciding(folder, waits):  # who asks whether others are there takes their names for a moment
            held.enter_context(claimed(folder, name))
        yield SearchWorker(folder, name, held.close)
