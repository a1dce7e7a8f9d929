"""A disk that takes no more (full, read-only, gone), said in one line."""

import shutil
from pathlib import Path

from ..errors import YoyakError

# How OSError, safetensors and torch.save each say it; torch's first error hides behind its second.
_DISK_FULL = ("No space left on device", "os error 28", "file write failed", "iostream error", "Disk quota exceeded")
_TOO_LARGE = ("File too large", "os error 27")
_READ_ONLY = ("Read-only file system", "os error 30", "Permission denied", "os error 13")


def is_disk_full(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, means that no space is left on the disk."""
    return _says(error, _DISK_FULL)


def is_too_large(error: BaseException | None) -> bool:
    """Tell whether an error means that a file went beyond the limit on file sizes (of process or file system)."""
    return _says(error, _TOO_LARGE)


def raise_if_disk_full(error: BaseException, folder: Path) -> None:
    """Raise YoyakError where `error` (also safetensors' or torch's own) means that a run's folder takes no more."""
    if is_disk_full(error):
        there = next((place for place in (folder, *folder.parents) if place.exists()), Path.cwd())
        free = shutil.disk_usage(there).free
        raise YoyakError(
            f"{folder}: the disk is full ({free / 1e6:.0f} MB free); nothing half-written was kept; "
            "free some space or set experiment.output_dir"
        ) from error
    if is_too_large(error):
        raise YoyakError(
            f"{folder}: a file is larger than this process may write; nothing half-written was kept; "
            "raise the limit (ulimit -f) or set experiment.output_dir"
        ) from error
    if _says(error, _READ_ONLY):
        raise YoyakError(
            f"{folder}: can't be written any more ({_line(error)}); what was saved before is whole; "
            "make it writable or set experiment.output_dir"
        ) from error


def _says(error: BaseException | None, words: tuple[str, ...]) -> bool:
    while error is not None:
        if any(some in str(error) for some in words):
            return True
        error = error.__cause__ or error.__context__
    return False


def _line(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error).splitlines()[0]).strip()
