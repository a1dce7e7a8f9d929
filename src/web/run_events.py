"""What happens to a run, as server-sent events from its files: whoever started it."""

import asyncio
import codecs
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from ..runs.holder import lock_holder
from ..runs.schema import RECORD_FILE
from .curves import MetricsFollower, follow

ENDING = threading.Event()
"""Set where the studio ends: open pages are told of nothing more, and wait for the next studio."""
_LOOK_SECONDS = 0.25
_HOLDER_EVERY = 4
_SILENT_LOOKS = 60
_LOG_BYTES = 40_000


async def run_events(folder: Path) -> AsyncIterator[str]:
    """Yield `curves` (all points, where they begin (anew)), `points`, `log` and `changed` until nobody listens."""
    follower = follow(folder / "metrics.jsonl")
    log = _LogEnd(folder / "train.log")
    seen, generation, looks = dict[str, int](), -1, 0
    state = await asyncio.to_thread(_state, folder)
    while not ENDING.is_set():
        await asyncio.to_thread(follower.read)
        said = False
        if follower.generation != generation:
            generation = follower.generation
            seen = {name: len(curve.steps) for name, curve in follower.curves.items()}
            yield _event("curves", await asyncio.to_thread(_all, follower))
        elif points := _newer(follower, seen):
            said = True
            yield _event("points", points)
        if lines := await asyncio.to_thread(log.read):
            said = True
            yield _event("log", lines)
        if looks % _HOLDER_EVERY == 0:
            found = await asyncio.to_thread(_state, folder)
            if found != state:
                said = True
                yield _event("changed", {})
            state = found
        looks += 1
        if not said and looks % _SILENT_LOOKS == 0:
            yield ": still here\n\n"  # also how a server learns that nobody listens
        await asyncio.sleep(_LOOK_SECONDS)


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, allow_nan=False)}\n\n"


def _all(follower: MetricsFollower) -> dict[str, object]:
    return {name: curve.decimated() for name, curve in follower.curves.items()}


def _newer(follower: MetricsFollower, seen: dict[str, int]) -> dict[str, object]:
    """Return the points that came since `seen`, which is brought up to date."""
    found: dict[str, object] = {}
    for name, curve in list(follower.curves.items()):
        count = len(curve.steps)
        if count > seen.get(name, 0):
            found[name] = curve.points(seen.get(name, 0))
        seen[name] = count
    return found


def _state(folder: Path) -> tuple[object, ...]:
    stamp = None
    with suppress(OSError):
        stamp = os.stat(folder / RECORD_FILE).st_mtime_ns
    return stamp, lock_holder(folder)


class _LogEnd:
    """The end of a log, and then what is written to it: whole lines, of one that is longer than a look its parts."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, -1
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a part may end within a character

    def read(self) -> list[str]:
        with suppress(OSError), open(self._path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if self._offset < 0 or size < self._offset:
                self._offset = max(0, size - _LOG_BYTES)
                self._decoder.reset()
            file.seek(self._offset)
            read = file.read(_LOG_BYTES)
            whole, newline, _ = read.rpartition(b"\n")
            if not newline and len(read) == _LOG_BYTES:
                whole = read
            self._offset += len(whole) + len(newline)
            return self._decoder.decode(whole, final=bool(newline)).split("\n") if whole or newline else []
        return []
