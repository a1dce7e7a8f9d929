"""Files and folders that are whole or not there."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from .errors import YoyakError

_OPEN_FILES = ("/dev", "/dev/fd", "/proc/self/fd")


@contextmanager
def written_beside(path: Path, durable: bool = False) -> Iterator[Path]:
    """Yield a new file beside `path`, which takes its place at the end, or is removed where an error comes.

    Its name can't be guessed and it follows no link, so that in a shared folder nobody can have put one there. A device
    or a pipe (`/dev/stdout`) is written itself. Folders that are made for it are removed where an error comes and they
    are empty. `durable` waits until the content is on the disk before the name leads to it.

    Raises:
        OSError: the folder or the disk refuses; it names `path` where the system names no file.
    """
    with _naming(path), _in_folder(path.parent):
        if _is_device(path):
            yield path
        else:
            with _beside(path, durable) as beside:
                yield beside


@contextmanager
def _beside(path: Path, durable: bool) -> Iterator[Path]:
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


@contextmanager
def folder_beside(place: Path, durable: bool = False) -> Iterator[Path]:
    """Yield a new folder beside `place`, which takes its place at the end, or is removed where an error comes.

    Its files get the usual permissions (safetensors writes its own for the owner alone). A folder that was there comes
    back where the new one can't take its place. For the rest see `written_beside`.

    Raises:
        YoyakError: another user's file is in the way.
        OSError: the folder or the disk refuses.
    """
    place = place.absolute()
    with _in_folder(place.parent):
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        try:
            yield beside
            mask = _mask()
            for path in [*beside.rglob("*"), beside]:
                path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
                if durable:
                    flush(path)
            _take_place(beside, place)
            if durable:
                flush(place.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _take_place(beside: Path, place: Path) -> None:
    earlier = place.with_name(f".{place.name}.replaced")
    refuse_of_others(earlier)
    remove(earlier)
    if place.exists():
        os.replace(place, earlier)
    try:
        os.replace(beside, place)
    except OSError:
        if earlier.exists():
            os.replace(earlier, place)
        raise
    remove(earlier)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def no_link(path: str, flags: int) -> int:
    """Open a file of ours under a name that others can guess (`opener` of `open`); OSError where it is a link."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def appending(path: Path) -> TextIOWrapper:
    """Open a file of ours, there or not, to append text as UTF-8; OSError where it is a link."""
    return open(path, "a", encoding="utf-8", errors="backslashreplace", newline="", opener=no_link)


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, or a link, as far as that can be done."""
    if path.is_symlink():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def refuse_of_others(path: Path) -> None:
    """Raise YoyakError where a name that only we use is taken by another user's file, folder or link."""
    try:
        owner = path.lstat().st_uid
    except FileNotFoundError:
        return
    if owner != os.geteuid():
        raise YoyakError(f"{path}: belongs to another user and is in the way; have it removed, or use another folder")


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put a file's name into errors of writing, which have none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; where an error comes, those that were made go again if they are empty."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for place in made:
                place.rmdir()
        raise


def _is_device(path: Path) -> bool:
    """Return whether a path leads to a device or a pipe, or to an open file: a new file can't take its place."""
    if str(path.absolute().parent) in _OPEN_FILES:
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _usual_mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or those that a new one would get."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return 0o666 & ~_mask()


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
