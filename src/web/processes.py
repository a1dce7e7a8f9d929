"""Commands that the studio starts: processes of their own, which live on when it ends, with their output kept."""

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from ..files import write_atomic
from .place import Place

_ROOT = Path(__file__).parents[2]
_PACKAGE = __name__.partition(".")[0]
_STARTED, _FILE, _OUTPUT = "started", "start.json", "output.log"
_KEPT_STARTS = 200
_MOMENT = "%Y%m%d-%H%M%S"


@dataclass(frozen=True)
class StartedCommand:
    """A command that the studio has started.

    Attributes:
        kind: `train`, `export` ...
        about: the run that it makes or works on.
        command: its words, the first `yoyak`.
        began: seconds since 1970.
    """

    key: str
    kind: str
    about: str
    command: list[str]
    pid: int
    began: float

    @property
    def line(self) -> str:
        """Return the command as one types it."""
        return shlex.join(self.command)


class Processes:
    """What was started, by this studio or one before it; each has a folder with `start.json` and `output.log`."""

    def __init__(self, place: Place) -> None:
        self._place, self._folder = place, place.own / _STARTED
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: set[str] = set()

    def start(
        self, kind: str, about: str, words: list[str], secrets_of_it: dict[str, str] | None = None
    ) -> StartedCommand:
        """Start `yoyak WORDS...` in a session of its own; `secrets_of_it` are in its environment and nowhere else.

        Raises:
            YoyakError: the folder can't be written, or no process can be had.
        """
        key = _new_key(self._place)
        child = self._spawn(key, [*program(), *words], secrets_of_it or {})
        try:
            started = write_start(self._place, key, kind, about, words, child.pid)
        except OSError as error:  # a full disk: what can't be written down would run unseen
            child.kill()
            self.forget(key)
            raise _nothing_starts(self._folder / key, error) from None
        self._forget_oldest()
        return started

    def start_waiting(self, key_in_queue: str, words: list[str]) -> tuple[str, "subprocess.Popen[bytes]"]:
        """Start a process that takes a run from the queue and becomes its command, if no other was faster (`claim.py`).

        Returns the key under which it is found once it has, and the process.

        Raises:
            YoyakError: as `start` does.
        """
        key = f"{_new_key(self._place)}-{key_in_queue}"
        claim = [sys.executable, "-m", f"{_PACKAGE}.web.claim", str(self._place.runs), key]
        child = self._spawn(key, [*claim, *program(), *words], {})
        self._forget_oldest()
        return key, child

    def _spawn(self, key: str, command: list[str], secrets_of_it: dict[str, str]) -> "subprocess.Popen[bytes]":
        folder = self._folder / key
        try:
            folder.mkdir(parents=True)
            with open(folder / _OUTPUT, "wb") as output:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=_environment() | secrets_of_it,
                )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise _nothing_starts(folder, error) from None
        self._children[key] = child
        threading.Thread(target=child.wait, daemon=True).start()  # or it would stay a zombie until someone asks
        return child

    def running(self, *kinds: str) -> list[StartedCommand]:
        """Return what runs of some kinds, the newest first; what has ended once is not looked at again."""
        found = []
        for key in started_keys(self._place):
            started = None if key in self._ended else self.find(key)
            if started is None:
                continue
            if not self.is_running(started):
                self._ended.add(key)
            elif started.kind in kinds:
                found.append(started)
        return found

    def all(self) -> list[StartedCommand]:
        """Return what was started, the newest first."""
        return [started for key in started_keys(self._place) if (started := self.find(key)) is not None]

    def find(self, key: str) -> StartedCommand | None:
        """Return a start by its key."""
        with suppress(OSError, ValueError, TypeError, RecursionError):
            return StartedCommand(**json.loads((self._folder / key / _FILE).read_text(encoding="utf-8")))
        return None

    def latest(self, about: str, *kinds: str) -> StartedCommand | None:
        """Return the newest start of some kinds that is about a run."""
        return next((one for one in self.all() if one.about == about and one.kind in kinds), None)

    def exit_code(self, started: StartedCommand) -> int | None:
        """Return how a process of this studio ended; None while it runs, and where another studio was its parent."""
        child = self._children.get(started.key)
        return child.poll() if child else None

    def is_running(self, started: StartedCommand) -> bool:
        """Tell whether a process runs."""
        child = self._children.get(started.key)
        return child.poll() is None if child else _is_same(started)

    def stop(self, started: StartedCommand) -> None:
        """Ask a process to end (SIGTERM)."""
        if self.is_running(started):
            with suppress(ProcessLookupError):
                os.kill(started.pid, signal.SIGTERM)

    def stop_all(self, kind: str) -> None:
        """Ask all processes to end whose kind begins so."""
        for started in self.all():
            if started.kind.startswith(kind):
                self.stop(started)

    def output(self, started: StartedCommand, most_bytes: int = 20_000) -> str:
        """Return the end of what a process has printed; of a line that was drawn over, how it was left."""
        return self.output_of(started.key, most_bytes)

    def output_of(self, key: str, most_bytes: int = 20_000) -> str:
        """Return the same by the key of a start."""
        with suppress(OSError), open(self._folder / key / _OUTPUT, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most_bytes))
            text = file.read().decode("utf-8", "replace").replace("\r\n", "\n")
            return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")).strip("\n")
        return ""

    def forget(self, key: str) -> None:
        """Remove what is kept of a start."""
        self._children.pop(key, None)
        shutil.rmtree(self._folder / key, ignore_errors=True)

    def _forget_oldest(self) -> None:
        for started in self.all()[_KEPT_STARTS:]:
            if not self.is_running(started):
                self.forget(started.key)


def started_keys(place: Place) -> list[str]:
    """Return the keys of what was started, the newest first."""
    folder = place.own / _STARTED
    with suppress(OSError):
        return [key for key in sorted(os.listdir(folder), reverse=True) if (folder / key / _FILE).exists()]
    return []


def write_start(place: Place, key: str, kind: str, about: str, words: list[str], pid: int) -> StartedCommand:
    """Write down that a process was started, whole or not at all; OSError where the folder takes nothing."""
    started = StartedCommand(key, kind, about, ["yoyak", *words], pid, datetime.now(UTC).timestamp())
    path = place.own / _STARTED / key / _FILE
    write_atomic(path, json.dumps(asdict(started), ensure_ascii=False))
    return started


def _new_key(place: Place) -> str:
    """Return a key behind all others, in the same second and where the clock was set back too."""
    moment = datetime.now(UTC).replace(microsecond=0)
    for newest in started_keys(place)[:1]:
        with suppress(ValueError, OverflowError):
            moment = max(moment, datetime.strptime(f"{newest[:15]}+0000", f"{_MOMENT}%z") + timedelta(seconds=1))
    return f"{moment:{_MOMENT}}-{secrets.token_hex(4)}"


def _nothing_starts(folder: Path, error: OSError) -> YoyakError:
    return YoyakError(f"{folder}: nothing can be started there ({error.strerror})")


def program() -> list[str]:
    """Return how this machine's `yoyak` is called: its script beside Python, else the package."""
    script = Path(sys.executable).with_name("yoyak")
    return [str(script)] if script.is_file() else [sys.executable, "-m", _PACKAGE]


def _environment() -> dict[str, Any]:
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    here = {"PYTHONPATH": os.pathsep.join(filter(None, paths))} if _PACKAGE == "src" else {}
    return {**os.environ, **here, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "COLUMNS": "110", "NO_COLOR": "1"}


def _is_same(started: StartedCommand) -> bool:
    """Tell whether a process of another studio still runs: one of its number with its words."""
    import psutil

    try:
        process = psutil.Process(started.pid)
        words = process.cmdline()
        return process.status() != psutil.STATUS_ZOMBIE and words[-len(started.command) + 1 :] == started.command[1:]
    except (psutil.Error, OverflowError, ValueError):
        return False
