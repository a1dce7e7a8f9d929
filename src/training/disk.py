"""A full disk, said in one line."""

import shutil
from pathlib import Path

from ..errors import YoyakError

# How OSError, safetensors and torch.save each say that no space is left; torch's first error hides behind its second.
_DISK_FULL = ("No space left on device", "os error 28", "file write failed", "iostream error")


def is_disk_full(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, means that no space is left on the disk."""
    while error is not None:
        if any(words in str(error) for words in _DISK_FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def raise_if_disk_full(error: BaseException, folder: Path) -> None:
    """Raise YoyakError where `error` (also safetensors' or torch's own) means that no space is left."""
    if is_disk_full(error):
        free = shutil.disk_usage(folder if folder.exists() else Path.cwd()).free
        raise YoyakError(
            f"{folder}: the disk is full ({free / 1e6:.0f} MB free); nothing half-written was kept; "
            "free some space or set experiment.output_dir"
        ) from error
