"""An export's folder: written beside its place and renamed, so that it is there whole or not at all."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from ..files import folder_beside

EXPORT_FILE = "yoyak_export.json"
"""Marks a folder as an export (which `--overwrite` may replace) and says what it was made from."""

_DISK_MARGIN = 1.02  # tokenizer files, headers, and what a file system adds


def refuse_occupied(out: Path, overwrite: bool) -> None:
    """Raise YoyakError where `out` can't be written: a file, another's folder, or an export that is to be kept."""
    if out.exists() and not out.is_dir():
        raise YoyakError(f"--out {out}: is a file; name a folder")
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / EXPORT_FILE).is_file():
        raise YoyakError(f"--out {out}: is not empty and holds no export of yoyak; name a new folder")
    if not overwrite:
        raise YoyakError(f"--out {out}: holds an export; pass --overwrite to replace it, or name a new folder")


def require_space(out: Path, needed_bytes: int) -> None:
    """Raise YoyakError where the disk of `out` has less free than `needed_bytes` and a margin."""
    place = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed_bytes * _DISK_MARGIN:
        raise YoyakError(
            f"--out {out}: needs {needed_bytes / 1e9:.2f} GB and the disk has {free / 1e9:.2f} GB free; "
            "free some space or name a folder on another disk"
        )


@contextmanager
def written_whole(out: Path, overwrite: bool, record: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a folder to write into, which becomes `out` at the end; after an error nothing of it stays.

    `out` is new, empty, or an earlier export that `overwrite` allows to replace; `record` is written into it as
    `yoyak_export.json`.

    Raises:
        YoyakError: `out` is occupied, can't be written, or the disk is full.
    """
    refuse_occupied(out, overwrite)
    with refusing_unwritable(out), folder_beside(out) as beside:
        yield beside
        (beside / EXPORT_FILE).write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")


@contextmanager
def refusing_unwritable(out: Path) -> Iterator[None]:
    """Raise YoyakError, which names the export's folder, where its disk is full or it can't be written."""
    from ..runs.disk import is_disk_full, is_too_large

    try:
        yield
    except YoyakError:
        raise
    except Exception as error:  # safetensors and torch have errors of their own for a full disk
        if is_disk_full(error):
            raise YoyakError(f"--out {out}: the disk is full; nothing half-written was kept") from error
        if is_too_large(error):
            said = "a file is larger than this process may write (ulimit -f)"
            raise YoyakError(f"--out {out}: {said}; nothing half-written was kept") from error
        if isinstance(error, PermissionError):
            raise YoyakError(f"--out {out}: can't be written ({error.strerror})") from error
        raise


def listed_files(folder: Path) -> list[dict[str, Any]]:
    """Return name and size in bytes of each file in a folder, the largest first."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = [{"name": str(path.relative_to(folder)), "bytes": path.stat().st_size} for path in paths]
    return sorted(files, key=lambda file: (-int(file["bytes"]), file["name"]))
