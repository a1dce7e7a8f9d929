"""Trackers that a run can lose: TensorBoard's files and Weights & Biases never stop or delay training."""

import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..config.schema import Config
from ..errors import YoyakError

_MOST_WAITING = 1000  # lines for a tracker that doesn't take them; more are dropped
_LAST_SECONDS = 10.0  # that the end of a run waits for a tracker


def trackers(config: Config, folder: Path) -> list[TrainerCallback]:
    """Return the callbacks of `training.report_to`.

    Raises:
        YoyakError: wandb is asked for and not installed.
    """
    wanted = config.training.report_to
    callbacks: list[TrainerCallback] = []
    if "tensorboard" in wanted:
        callbacks.append(_tensorboard(folder / "tensorboard"))
    if "wandb" in wanted:
        if find_spec("wandb") is None:
            raise YoyakError("training.report_to: wandb is not installed; pip install 'yoyak[wandb]', or leave it out")
        callbacks.append(WandbTracker(config, folder / "wandb.log"))
    return callbacks


class WandbTracker(TrainerCallback):
    """Hands the logs to a process that speaks to Weights & Biases; where that is slow, lines wait, then are dropped.

    The process is its own session: Ctrl-C doesn't reach it, and it ends by itself once this one has.
    """

    def __init__(self, config: Config, log: Path) -> None:
        """Keep what the run is called; what the process prints goes to `log`."""
        self.log = log
        self._init = {
            "project": os.environ.get("WANDB_PROJECT", "yoyak"),
            "name": config.experiment.name,
            "tags": config.experiment.tags,
            "config": config.model_dump(),
        }
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST_WAITING)
        self._process: subprocess.Popen[str] | None = None
        self._writer: threading.Thread | None = None
        self._dropped = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the process."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        program = Path(__file__).with_name("wandb_process.py")
        with self.log.open("a", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(program)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        self._writer = threading.Thread(target=self._write, args=(self._process.stdin,), daemon=True)
        self._writer.start()
        self._put({"init": self._init})

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Hand over one log, under the names that the Trainer's own callback gives."""
        logs = dict(kwargs.get("logs") or {})
        if "train_runtime" in logs:
            self._put({"summary": logs})
            return
        line = {_tracked_name(name): value for name, value in logs.items()}
        self._put({"log": line | {"train/global_step": state.global_step}})

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Give the process some seconds to take the last lines; what it uploads afterwards is its own affair."""
        end = time.monotonic() + _LAST_SECONDS
        if self._writer is None or self._process is None:
            return
        with suppress(queue.Full):
            self._lines.put(None, timeout=_LAST_SECONDS)
        self._writer.join(max(0.0, end - time.monotonic()))
        try:
            late = self._process.wait(max(0.0, end - time.monotonic())) != 0
        except subprocess.TimeoutExpired:
            late = True
        if late or self._dropped:
            logging.getLogger("yoyak").warning(
                "wandb has not taken everything (%d lines dropped); see %s. `wandb sync` uploads what is kept locally",
                self._dropped,
                self.log,
            )

    def _put(self, line: dict[str, Any]) -> None:
        try:
            self._lines.put_nowait(json.dumps(line))
        except queue.Full:
            self._dropped += 1

    def _write(self, pipe: IO[str]) -> None:
        """Pass the lines on, in a thread of its own: the pipe is full while the process hangs."""
        with suppress(OSError):  # the process is gone; its log says why
            while (line := self._lines.get()) is not None:
                pipe.write(line + "\n")
                pipe.flush()
            pipe.close()


class Expendable(TrainerCallback):
    """Another callback, given up with a warning where it fails, as on a full disk."""

    def __init__(self, inner: TrainerCallback, name: str) -> None:
        """Pass all events on to `inner`, which is called `name` in the warning."""
        self.inner, self.name, self.lost = inner, name, False

    def _pass(self, event: str, *args: Any, **kwargs: Any) -> None:
        if self.lost:
            return
        try:
            getattr(self.inner, event)(*args, **kwargs)
        except Exception as error:  # whatever it is, it is no reason to end a training
            self.lost = True
            logging.getLogger("yoyak").warning("%s is given up: %s", self.name, error)

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Pass it on."""
        self._pass("on_train_begin", *args, **kwargs)

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        """Pass it on."""
        self._pass("on_log", *args, **kwargs)

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """Pass it on."""
        self._pass("on_train_end", *args, **kwargs)


def _tensorboard(folder: Path) -> TrainerCallback:
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return Expendable(TensorBoardCallback(SummaryWriter(str(folder))), "TensorBoard")


def _tracked_name(name: str) -> str:
    return f"eval/{name.removeprefix('eval_')}" if name.startswith("eval_") else f"train/{name}"
