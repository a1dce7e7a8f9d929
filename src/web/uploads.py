"""Data files that are brought to the studio: bounded in size and time, under a safe name, whole or not at all."""

import asyncio
import os
import re
import shutil
import time
import unicodedata
from contextlib import suppress
from pathlib import Path

from fastapi import Request

from ..bilingual import Text
from ..data.files.readers import SUFFIXES
from ..files import written_beside
from .place import PageError, Place

UPLOAD_BYTES = 1 << 30
_UPLOAD_SECONDS = 1800
_SPARE_DISK_BYTES = 1 << 28


async def take_upload(request: Request, place: Place, name: str) -> Path:
    """Write a request's body into the folder of data and return the file.

    Raises:
        PageError: 415 (no kind of file that is read), 413 (too large), 507 (no room), 408 (too slow).
    """
    folder = place.own / "data"
    path = free_path(folder, safe_name(name))
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal() or int(declared[:20]) > UPLOAD_BYTES:
        raise PageError(413, _too_large())
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(_remove_torn, folder)
        if shutil.disk_usage(folder).free < int(declared) + _SPARE_DISK_BYTES:
            raise PageError(507, Text("There is no room for it on the disk.", "디스크에 자리가 없습니다."))
        async with asyncio.timeout(_UPLOAD_SECONDS):
            with written_beside(path) as beside, open(beside, "wb") as file:
                size = 0
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > UPLOAD_BYTES:
                        raise PageError(413, _too_large())
                    await asyncio.to_thread(file.write, chunk)
    except TimeoutError:
        raise PageError(408, Text("It did not arrive in time.", "파일이 제때 도착하지 않았습니다.")) from None
    except OSError as error:
        reason = error.strerror or "?"
        raise PageError(507, Text(f"It can't be kept: {reason}", f"저장할 수 없습니다: {reason}")) from None
    return path


def _remove_torn(folder: Path) -> None:
    """Remove what a studio was bringing when it was killed: no file takes longer than `_UPLOAD_SECONDS` to come."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _UPLOAD_SECONDS:
                path.unlink()


def _too_large() -> Text:
    return Text(
        f"The file is larger than {UPLOAD_BYTES >> 30} GiB; name its path in the settings of a run.",
        f"파일이 {UPLOAD_BYTES >> 30} GiB보다 큽니다. 실행 설정에 파일 경로를 적어 주세요.",
    )


def safe_name(name: str) -> str:
    """Return a file's name without folders and odd characters; PageError (415) for a kind that is not read."""
    bare = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    stem, suffix = os.path.splitext(bare)
    if suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise PageError(415, Text(f"Bring one of these: {known}", f"이런 파일을 가져와 주세요: {known}"))
    stem = re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:60] or "data"
    return f"{stem}{suffix.lower()}"


def free_path(folder: Path, name: str) -> Path:
    """Return a path for a file, with a number behind its name where that is taken.

    It is where a file of another suffix has it too: what is split off both would lie in one folder, `NAME_split`.
    """
    stem, suffix = os.path.splitext(name)
    taken = {path.stem for path in folder.glob("*")}
    free, number = stem, 1
    while free in taken:
        number += 1
        free = f"{stem}_{number}"
    return folder / f"{free}{suffix}"


def data_files(place: Place) -> list[Path]:
    """Return the files that were brought, and what was split off them, by name."""
    folder = place.own / "data"
    found = [*folder.glob("*"), *folder.glob("*_split/*")] if folder.is_dir() else []
    return sorted(path for path in found if path.suffix in SUFFIXES and not path.name.startswith("."))
