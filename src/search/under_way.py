"""Which runs and searches of a folder a process of this machine works on: looked at without touching their locks."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..runs.holder import lock_holder
from .folder import CLAIMS, NAMED_SEARCH

_LOCK = ".lock"


def worked_on(runs: Path) -> Iterator[str]:
    """Yield the names of runs, and of searches: of these the workers and trials have locks, in the search's folder."""
    yield from _held(runs)
    with suppress(OSError), os.scandir(runs) as entries:
        for entry in entries:
            if entry.name.endswith(NAMED_SEARCH):
                folder = runs / entry.name
                if any(True for place in (folder, folder / CLAIMS) for _ in _held(place)):
                    yield entry.name


def _held(folder: Path) -> Iterator[str]:
    """Yield the names in a folder that a process of this machine holds."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(_LOCK):
                name = entry.name[1 : -len(_LOCK)]
                holder = lock_holder(folder / name)
                if holder is not None and holder.here:
                    yield name
