"""Runs that wait for the GPU: a file in the studio's folder, so that every tab, studio and restart sees the same."""

import fcntl
import json
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from time import time

from ..bilingual import Text
from ..errors import YoyakError
from ..files import no_link, write_atomic
from .place import PageError, Place
from .processes import started_keys

_MOST_WAITING = 100
_FEWEST_WORDS = {"train": 3, "refine": 2, "search": 5}


@dataclass(frozen=True)
class WaitingRun:
    """A run that waits.

    Attributes:
        about: its name.
        words: those behind `yoyak` that start it.
        who: the person who put it there.
        kind: `train` (refining too) or `search`.
        since: seconds since 1970.
    """

    about: str
    words: list[str]
    who: str = ""
    kind: str = "train"
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    since: float = field(default_factory=time)

    @property
    def line(self) -> str:
        """Return the command as one types it."""
        return shlex.join(["yoyak", *self.words])


class WaitingRuns:
    """The queue of a place, first come first; changes are made under a lock that a killed process lets go."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._file = place.own / "queue.jsonl"

    def all(self) -> list[WaitingRun]:
        """Return the runs that wait, the next first."""
        begun = {key.rpartition("-")[2] for key in started_keys(self._place)}
        return [one for one in self._read() if one.key not in begun]

    def find(self, name: str) -> WaitingRun | None:
        """Return the run of a name that waits."""
        return next((one for one in self.all() if one.about == name), None)

    def add(self, about: str, words: list[str], who: str = "", kind: str = "train") -> WaitingRun:
        """Put a run at the end.

        Raises:
            YoyakError: one of its name waits, too many wait, or the file can't be written.
        """
        with self.changing() as runs:
            refuse_waiting_name(runs, self._place, about)
            if len(runs) >= _MOST_WAITING:
                raise YoyakError(f"the queue holds {_MOST_WAITING} runs; wait until some have ended, or take some out")
            runs.append(WaitingRun(about, words, who, kind))
            return runs[-1]

    def move(self, key: str, by: int) -> WaitingRun:
        """Move a run by so many places, as far as there are; PageError (404) where it no longer waits."""
        with self.changing() as runs:
            at = _index(runs, key)
            moved = runs.pop(at)
            runs.insert(min(max(at + by, 0), len(runs)), moved)
            return moved

    def take_out(self, key: str) -> WaitingRun:
        """Remove a run and return it; PageError (404) where it no longer waits."""
        with self.changing() as runs:
            return runs.pop(_index(runs, key))

    @contextmanager
    def changing(self) -> Iterator[list[WaitingRun]]:
        """Yield the runs that wait, for one process at a time; as they are left, they are written.

        Raises:
            YoyakError: the file can't be written.
        """
        try:
            self._place.own.mkdir(parents=True, exist_ok=True)
            with open(self._file.with_suffix(".lock"), "a", opener=no_link) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                runs = self.all()
                yield runs
                if runs != self._read():
                    lines = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in runs]
                    write_atomic(self._file, "".join(lines), durable=True)
        except OSError as error:
            raise YoyakError(f"{self._file}: the queue can't be written ({error.strerror})") from None

    def _read(self) -> list[WaitingRun]:
        found = []
        with suppress(OSError):
            for line in self._file.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError, TypeError, RecursionError):
                    one = WaitingRun(**json.loads(line))
                    if _is_whole(one):
                        found.append(one)
        return found


def refuse_waiting_name(runs: list[WaitingRun], place: Place, name: str) -> None:
    """Raise YoyakError where a run of a name waits: two can't have one folder."""
    if any(one.about == name for one in runs):
        folder = place.runs / name
        raise YoyakError(f"{folder}: a run of this name waits in the queue; take it out, or set experiment.name=OTHER")


def _is_whole(one: WaitingRun) -> bool:
    """Tell whether a line that someone may have edited holds a run that can be started."""
    texts = [one.about, one.who, one.kind, one.key]
    if not isinstance(one.words, list) or not all(isinstance(text, str) for text in [*texts, *one.words]):
        return False
    return len(one.words) >= _FEWEST_WORDS.get(one.words[0] if one.words else "", len(one.words) + 1)


def _index(runs: list[WaitingRun], key: str) -> int:
    for at, one in enumerate(runs):
        if one.key == key:
            return at
    raise PageError(404, Text("This run no longer waits.", "이 실행은 이제 대기열에 없습니다."))
