"""One process a run's folder: a lock beside it, with process and host, that does not outlive its holder.

`outputs/.NAME.lock` is held by `flock`, which the kernel takes back from a process however it ends, so on one machine a
lock that can be taken is a stale one. Of another machine that shares the folder only the file's age tells: the holder
touches it, and what has not been touched for minutes is stale too. (Of `filelock`, `FileLock` knows of no other
machine, and `SoftFileLease` makes a killed run's successor wait for minutes on the same one.)
"""

import errno
import fcntl
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import YoyakError

_TOUCH_SECONDS = 20.0
STALE_SECONDS = 300.0


def lock_path(folder: Path) -> Path:
    """Return the lock's file: beside the folder, which a run may replace."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process; folders that are made for the lock and stay empty go with it.

    Raises:
        YoyakError: another process holds it, or the place can't be written.
    """
    path = lock_path(folder)
    made = [parent for parent in path.parents if not parent.exists()]
    descriptor = _acquire(path, folder)
    released = threading.Event()
    toucher = threading.Thread(target=_touch, args=(descriptor, released), daemon=True)
    toucher.start()
    try:
        yield
    finally:
        released.set()
        toucher.join()
        if is_at(descriptor, path):
            with suppress(OSError):
                path.unlink()
        os.close(descriptor)
        for parent in made:  # where nothing came into them
            with suppress(OSError):
                parent.rmdir()


def _acquire(path: Path, folder: Path) -> int:
    """Return the locked file's descriptor, with this process written into it."""
    from .record import now

    for _ in range(100):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # another process has just removed the empty folder
            continue
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise YoyakError(f"{path}: is a link, which no run makes; remove it") from None
            raise YoyakError(f"{path.parent}: can't be written ({error.strerror}); set experiment.output_dir") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_at(descriptor, path):  # its holder removed it between the two lines above
                os.close(descriptor)
                continue
            if _held_elsewhere(_read(descriptor), descriptor):
                raise BlockingIOError
            os.ftruncate(descriptor, 0)
            holder: dict[str, Any] = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        except OSError as error:
            holder = _read(descriptor)
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise YoyakError(f"{path}: can't be locked ({error.strerror}); set experiment.output_dir") from None
            where = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}, since {holder.get('since', '?')}"
            raise YoyakError(
                f"{folder}: another run is writing there ({where}); wait for it, or set experiment.name=OTHER"
            ) from None
        return descriptor
    raise YoyakError(f"{path}: can't be locked (it vanishes each time); set experiment.output_dir")


def _read(descriptor: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _held_elsewhere(holder: dict[str, Any], descriptor: int) -> bool:
    """Tell whether a machine whose `flock` this one doesn't see holds the lock: it touched the file not long ago.

    By the clock that dates the folder's files, whatever this machine's says.
    """
    if holder.get("host", socket.gethostname()) == socket.gethostname():
        return False
    touched = os.fstat(descriptor)
    os.utime(descriptor)
    age = os.fstat(descriptor).st_mtime - touched.st_mtime
    os.utime(descriptor, ns=(touched.st_atime_ns, touched.st_mtime_ns))
    return age < STALE_SECONDS


def _touch(descriptor: int, released: threading.Event) -> None:
    while not released.wait(_TOUCH_SECONDS):
        with suppress(OSError):
            os.utime(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether a file that is open is the one at a path yet."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False
