"""Files that are whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(path: Path, durable: bool = False) -> Iterator[Path]:
    """Yield a new file beside `path`, which takes its place at the end, or is removed where an error comes.

    Its name can't be guessed and it follows no link, so that in a shared folder nobody can have put one there.

    Args:
        path: in a folder that is there.
        durable: wait until the content is on the disk before the name leads to it.

    Raises:
        OSError: the folder or the disk refuses.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(_usual_mode(path))
        if durable:
            flush(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_atomic(path: Path, content: str | bytes, durable: bool = False) -> None:
    """Write a file whole or not at all; text as UTF-8, its line ends as they are. See `written_beside`."""
    with written_beside(path, durable) as beside:
        beside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _usual_mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or those that a new one would get."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
