"""Several processes on one search: who decides what comes next, and whose each trial is."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import YoyakError
from ..runs.lock import run_lock
from .folder import CLAIMS, worker_names


@contextmanager
def deciding(folder: Path) -> Iterator[None]:
    """Hold the search's folder while something is decided; wait for others that do."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".deciding.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
    try:
        with claimed(folder, name):
            return True
    except YoyakError:
        return False


@contextmanager
def working(folder: Path) -> Iterator[str]:
    """Be one of a search's workers; yield the name under which others see it."""
    name = f"worker-{socket.gethostname()}-{os.getpid()}"
    with claimed(folder, name):
        yield name


def others_work(folder: Path, own: str) -> bool:
    """Tell whether another worker is there."""
    return any(not is_free(folder, name) for name in worker_names(folder) if name != own)
