"""Starts a run's processes on this machine, one on each GPU, passes signals on, and ends all where one has failed."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from .failure import STOPPED, Failure, claim, failure_in
from .place import OWN_RUN_ID, RUN_ID

_LOOK_SECONDS = 0.1
_LAST_SECONDS = 20.0  # that the others have to end by themselves
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STOPPED = tuple(STOPPED + number for number in _SIGNALS)


class Launcher:
    """The processes of a run and the store that they share, which outlives any of them."""

    def __init__(self, command: Sequence[str], count: int, cards: Sequence[str] | None = None) -> None:
        """Prepare to start `command` so many times, each on its card where `cards` names them."""
        from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

        self.command, self.count, self.cards = command, count, cards
        store = TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=5), wait_for_workers=False)
        self._store, self._watched = store, PrefixStore("watch", store)
        self._children: list[subprocess.Popen[bytes]] = []
        self._told, self._all_started = False, False
        self._early: int | None = None  # a signal that came while they were being started

    def run(self) -> tuple[int, Failure | None]:
        """Start all and wait; return the exit code, and what ended the run where that was a failure."""
        with tempfile.TemporaryDirectory(prefix="yoyak-ranks-") as folder, self._signals_passed_on():
            try:
                for rank in range(self.count):
                    self._children.append(self._start(rank, Path(folder)))
                self._all_started = True
                if self._early is not None:
                    self._tell(self._early)
                failure = self._wait(Path(folder))
            finally:
                for child in self._children:
                    if child.poll() is None:
                        child.kill()
                    child.wait()
        codes = [_exit_code(child.returncode) for child in self._children]
        if failure is not None and not (failure.code >= STOPPED and self._told):
            return failure.code, failure
        return (max(codes) if failure is None else failure.code), None

    def _start(self, rank: int, folder: Path) -> "subprocess.Popen[bytes]":
        """Start a rank, in a session of its own: Ctrl-C reaches it once, through here."""
        environment = os.environ | self._variables(rank)
        if rank == 0:
            return subprocess.Popen(self.command, env=environment, start_new_session=True)
        with (folder / str(rank)).open("wb") as errors:
            return subprocess.Popen(
                self.command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stderr=errors
            )

    def _variables(self, rank: int) -> Mapping[str, str]:
        variables = {
            RUN_ID: f"{OWN_RUN_ID}{os.getpid()}",
            "TORCHELASTIC_USE_AGENT_STORE": "True",
            "RANK": str(rank),
            "WORLD_SIZE": str(self.count),
            "LOCAL_RANK": str(rank),
            "LOCAL_WORLD_SIZE": str(self.count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(self._store.port),
        }
        if self.cards is not None:
            variables["CUDA_VISIBLE_DEVICES"] = self.cards[rank]
        if "OMP_NUM_THREADS" not in os.environ:
            variables["OMP_NUM_THREADS"] = str(max(1, usable_cores() // self.count))
        return variables

    def _wait(self, folder: Path) -> Failure | None:
        """Wait until all have ended; where one has failed, the others are given some seconds."""
        failure, end = None, float("inf")
        while any(child.poll() is None for child in self._children) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            if failure is None:
                failure = self._failure(folder)
                end = time.monotonic() + _LAST_SECONDS if failure else end
        return failure or self._failure(folder)

    def _failure(self, folder: Path) -> Failure | None:
        codes = [child.poll() for child in self._children]
        # NCCL's watchdog ends a process by SIGABRT where another one is gone: that one is to blame.
        for rank in sorted(range(len(codes)), key=lambda rank: codes[rank] == -signal.SIGABRT):
            code = codes[rank]
            stopped = code is not None and self._told and _exit_code(code) in _STOPPED  # before it could say so itself
            if code and code not in _STOPPED and not stopped:
                return claim(self._watched, Failure(rank, self.count, _why(code, folder / str(rank)), 1))
        return failure_in(self._watched)

    def _tell(self, number: int) -> None:
        for child in self._children:
            if child.poll() is None:
                child.send_signal(number)

    @contextmanager
    def _signals_passed_on(self) -> Iterator[None]:
        def pass_on(number: int, frame: FrameType | None) -> None:
            self._told = True
            if self._all_started:
                self._tell(number)
            else:  # one whose start is under way is in no list yet, and the others would wait for it
                self._early = number

        before: dict[int, Any] = {number: signal.signal(number, pass_on) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _exit_code(returned: int) -> int:
    """Return a process's exit code as a shell tells it: of one that a signal has ended, the signal's with 128."""
    return STOPPED - returned if returned < 0 else returned


def _why(code: int, errors: Path) -> str:
    """Return why a process has ended that could not say it itself."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), by someone or since the machine's memory was full"
    how = f"has crashed ({signal.Signals(-code).name})" if code < 0 else f"has ended with exit code {code}"
    if code < 0 and code != -signal.SIGABRT:  # nothing could be said any more
        return how
    lines = errors.read_text(errors="replace").strip().splitlines() if errors.exists() else []
    return how + (f": {lines[-1].strip()[:300]}" if lines else "")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
