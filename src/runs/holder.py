"""Whether a process works on a run's folder right now, and which: looked at without touching its lock."""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .lock import STALE_SECONDS, lock_path

_LOCKS = Path("/proc/locks")


@dataclass(frozen=True)
class LockHolder:
    """The process that holds a run's lock; `here` tells whether it is on this machine."""

    pid: int
    here: bool


def lock_holder(folder: Path) -> LockHolder | None:
    """Return who holds a run's folder, or None where nobody does.

    A lock is not tried, which for an instant would keep the run that wants it out: the kernel lists who holds which.
    Where it has no list, a process of that number counts; of another machine, the file's age.
    """
    path = lock_path(folder)
    try:
        content = json.loads(path.read_bytes()[:4096])
        pid, host, touched = int(content["pid"]), content["host"], path.stat().st_mtime
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    if host != socket.gethostname():
        return LockHolder(pid, here=False) if time.time() - touched < STALE_SECONDS else None
    return LockHolder(pid, here=True) if _holds_a_lock(pid) else None


def _holds_a_lock(pid: int) -> bool:
    with suppress(OSError):
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
        return any(fields[1:2] == ["FLOCK"] and fields[4:5] == [str(pid)] for fields in map(str.split, lines))
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
