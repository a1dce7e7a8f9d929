"""Searches of a folder of runs: which there are, who works on them, and how their trials stand."""

import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bilingual import Text
from ..runs.holder import LockHolder, lock_holder
from ..search.folder import CLAIMS, CLOCK_FILE, SEARCH_RECORD, worker_names
from .place import PageError, Place

SEARCH_STATES = {
    "running": Text("searching", "탐색 중"),
    "ended": Text("over", "끝남"),
    "stopped": Text("stopped; the same command goes on", "멈춤. 같은 명령으로 이어서 할 수 있습니다"),
    "lost": Text(
        "stopped without a word; the same command goes on", "비정상 종료. 같은 명령으로 이어서 할 수 있습니다"
    ),
}


@dataclass(frozen=True)
class SearchLine:
    """A search in a list; the score is the winner's, and the seconds those that its processes have run."""

    name: str
    state: str
    trials: int | None
    score: float | None
    spent_seconds: float | None

    @property
    def state_words(self) -> Text:
        """Return the state in words."""
        return SEARCH_STATES[self.state]


def search_folder(place: Place, name: str) -> Path:
    """Return the folder of a search that is there; PageError (404) where there is none."""
    folder = place.named(place.runs, name)
    if not (folder / CLOCK_FILE).is_file():
        raise PageError(404, Text("There is no search of this name.", "그런 이름의 탐색이 없습니다."))
    return folder


def search_lines(place: Place) -> list[SearchLine]:
    """Return all searches of a place, those that worked last first."""
    found = []
    with suppress(OSError), os.scandir(place.runs) as entries:
        for entry in entries:
            with suppress(OSError):
                found.append((os.stat(f"{entry.path}/{CLOCK_FILE}").st_mtime_ns, entry.name))
    return [_line(place.runs / name) for _, name in sorted(found, reverse=True) if not name.startswith(".")]


def _line(folder: Path) -> SearchLine:
    record = concluded(folder) or {}
    trials = [trial for trial in record.get("trials", []) if trial["state"] != "refused"]
    chosen = next((trial.get("score") for trial in trials if trial["number"] == record.get("chosen")), None)
    score = record.get("score", chosen)  # what was added to the chosen trial counts too
    score = score if isinstance(score, int | float) else None
    clock = clock_of(folder)
    return SearchLine(folder.name, search_state(folder), len(trials) or None, score, clock.get("spent_seconds"))


def workers_of(folder: Path) -> list[LockHolder]:
    """Return the processes that work on a search."""
    holders = (lock_holder(folder / CLAIMS / name) for name in worker_names(folder))
    return [holder for holder in holders if holder is not None]


def search_state(folder: Path) -> str:
    """Return `running`, `ended`, `stopped` or `lost`."""
    if workers_of(folder):
        return "running"
    record = concluded(folder)
    if record is None:
        return "lost"
    return "ended" if record["status"] == "ended" else "stopped"


def concluded(folder: Path) -> dict[str, Any] | None:
    """Return what `search.json` holds; None where there is none yet, or none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads((folder / SEARCH_RECORD).read_text(encoding="utf-8"))
        if isinstance(record, dict) and {"status", "chosen", "objective"} <= record.keys() and _are_trials(record):
            return record if isinstance(record["chosen"], int) else None
    return None


def _are_trials(record: dict[str, Any]) -> bool:
    trials = record.get("trials")
    known = {"number", "state", "score", "settings", "measured"}
    return isinstance(trials, list) and all(isinstance(one, dict) and known <= one.keys() for one in trials)


def clock_of(folder: Path) -> dict[str, float]:
    """Return `spent_seconds` of a search as it was last written, and its `deadline_seconds` where that is known."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        clock = json.loads((folder / CLOCK_FILE).read_text(encoding="utf-8"))
        spent = float(clock["spent"]) + float(clock["seen"]) - float(clock["since"])
        known = {"deadline_seconds": float(clock["deadline"])} if "deadline" in clock else {}
        return {"spent_seconds": max(spent, 0.0), **known}
    return {}


def stop_search(folder: Path) -> Text:
    """Ask the processes of a search to save and end (SIGTERM); return what to say.

    Raises:
        PageError: 409, none of this machine's works on it.
    """
    asked = 0
    for worker in workers_of(folder):
        if worker.here:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(worker.pid, signal.SIGTERM)
                asked += 1
    if not asked:
        raise PageError(409, Text("No process here works on this search.", "이 컴퓨터에서 하고 있는 탐색이 아닙니다."))
    return Text(
        "Asked to stop: the trial under way is saved, and the best so far is the result.",
        "멈추라고 알렸습니다. 하던 시도를 저장하고, 지금까지 가장 좋은 것을 결과로 남깁니다.",
    )
