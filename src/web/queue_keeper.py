"""Starts the next run of the queue when the GPU is free, as long as a studio is open."""

import logging
import subprocess
import threading
import time
from contextlib import suppress

from ..bilingual import Text
from ..commands.train.config import resolve_config
from ..commands.train.refine import refine_config
from ..commands.train.request import TrainRequest
from ..config.schema import Config
from ..errors import YoyakError
from .place import Place
from .planning import RunWish, checked_config, config_to_go_on, refuse_missing_files
from .processes import Processes
from .run_events import ENDING
from .under_way import is_taken
from .waiting import WaitingRun, WaitingRuns

_LOOK_SECONDS = 1.0
_KNOWN_SECONDS = 3.0
_CLAIM_SECONDS = 60.0
_AGAIN_SECONDS = 60.0
_NOT_STARTED = Text(
    "It could not be started; the studio's terminal says more. It is tried again in a minute.",
    "시작하지 못했습니다. 자세한 내용은 터미널에 있습니다. 1분 뒤에 다시 시도합니다.",
)


class QueueKeeper:
    """Looks whether the next run can begin."""

    def __init__(self, place: Place, waiting: WaitingRuns, processes: Processes) -> None:
        self._place, self._waiting, self._processes = place, waiting, processes
        self._reasons: dict[str, tuple[float, str | None]] = {}

    def keep(self) -> None:
        """Look every second until the studio ends."""
        while not ENDING.wait(_LOOK_SECONDS):
            try:
                self.look()
            except (YoyakError, OSError) as error:
                logging.getLogger("yoyak.studio").error("the queue: %s", error)
                ENDING.wait(_AGAIN_SECONDS)

    def begin(self) -> None:
        """Look in a thread of its own."""
        threading.Thread(target=self.keep, name="queue", daemon=True).start()

    def look(self) -> str | None:
        """Start the next run that can begin, if nothing is under way; return its name.

        Raises:
            YoyakError: no process can be started.
        """
        runs = self._waiting.all()
        if not runs or is_taken(self._place, self._processes):
            return None
        for one in runs:
            if self.refusal(one) is None:
                return self._start(one)
        return None

    def refusal(self, one: WaitingRun) -> str | None:
        """Return why a run can't begin as things are, or None."""
        until, reason = self._reasons.get(one.key, (0.0, None))
        if time.monotonic() >= until:
            reason = _refusal_of(self._place, one)
            self._reasons[one.key] = (time.monotonic() + _KNOWN_SECONDS, reason)
        return reason

    def _start(self, one: WaitingRun) -> str | None:
        """Start a run and wait until it has left the queue, so that nothing is started for it twice meanwhile."""
        key, child = self._processes.start_waiting(one.key, one.words)
        end = time.monotonic() + _CLAIM_SECONDS
        while time.monotonic() < end and not ENDING.is_set() and self._processes.find(key) is None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.05)
                break
        if self._processes.find(key) is not None:
            return one.about
        if child.poll():
            logging.getLogger("yoyak.studio").error("the queue: %s", self._processes.output_of(key))
            self._reasons[one.key] = (time.monotonic() + _AGAIN_SECONDS, _NOT_STARTED)
        self._processes.forget(key)  # another studio was faster, or it could not be started
        return None


def _refusal_of(place: Place, one: WaitingRun) -> str | None:
    try:
        refuse_missing_files(_config_of(place, one))
    except YoyakError as error:
        return str(error)
    return None


def _config_of(place: Place, one: WaitingRun) -> Config:
    """Return the settings of a run that waits; YoyakError where it can't begin with them."""
    command, *words = one.words
    if "--resume" in words:
        return config_to_go_on(place.runs / one.about)
    if command == "refine":
        return refine_config(words[0], words[1:])
    experiment, overrides = words[1], words[4:] if command == "search" else words[2:]  # --experiment X --deadline Y ...
    if command == "search":
        return resolve_config(TrainRequest(experiment, overrides))
    return checked_config(RunWish(experiment, tuple(overrides)))
