"""Trackers that a run can lose: TensorBoard's files and Weights & Biases never stop or delay training."""

import json
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...config.schema import Config
from ...errors import YoyakError
from ...files import appending, no_link

_MOST_WAITING = 1000  # lines for a tracker that doesn't take them; more are dropped
_LAST_SECONDS = 10.0  # that the end of a run waits for a tracker


def trackers(config: Config, folder: Path, step: int | None = None) -> list[TrainerCallback]:
    """Return the callbacks of `training.report_to`; where a run goes on from `step`, what came after it is dropped.

    Raises:
        YoyakError: wandb is asked for and not installed.
    """
    wanted = config.training.report_to
    callbacks: list[TrainerCallback] = []
    if "tensorboard" in wanted:
        callbacks.append(TensorBoardScalars(folder / "tensorboard", step))
    if "wandb" in wanted:
        if find_spec("wandb") is None:
            raise YoyakError("training.report_to: wandb is not installed; pip install 'yoyak[wandb]', or leave it out")
        callbacks.append(WandbTracker(config, folder / "wandb.log"))
    return callbacks


class WandbTracker(TrainerCallback):
    """Hands the logs to a process that speaks to Weights & Biases; where that is slow, lines wait, then are dropped.

    That `process`, there once training has begun, is its own session: Ctrl-C doesn't reach it, and it ends by itself
    once this one has.
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
        self.process: subprocess.Popen[bytes] | None = None
        self._writer: threading.Thread | None = None
        self._dropped = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the process."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        program = Path(__file__).with_name("wandb_process.py")
        with appending(self.log) as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(program)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                bufsize=0,  # a closed pipe has nothing left to write then
                start_new_session=True,
            )
        assert self.process.stdin is not None
        self._writer = threading.Thread(target=self._write, args=(self.process.stdin,), daemon=True)
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
        if self._writer is None or self.process is None:
            return
        with suppress(queue.Full):
            self._lines.put(None, timeout=_LAST_SECONDS)
        self._writer.join(max(0.0, end - time.monotonic()))
        try:
            late = self.process.wait(max(0.0, end - time.monotonic())) != 0
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

    def _write(self, pipe: IO[bytes]) -> None:
        """Pass the lines on, in a thread of its own: the pipe is full while the process hangs."""
        with suppress(OSError), pipe:  # an error means that the process is gone; its log says why
            while (line := self._lines.get()) is not None:
                pipe.write(line.encode() + b"\n")


class TensorBoardScalars(TrainerCallback):
    """Appends each log's figures to an event file of TensorBoard, which is open only while it is written.

    torch's own writer has a thread that ends with a traceback where the disk is full or the folder is gone.
    """

    def __init__(self, folder: Path, step: int | None = None) -> None:
        """Write to a new file in `folder`; where a run goes on from `step`, later ones of before are not shown."""
        self.path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        self._write(file_version="brain.Event:2")
        if step is not None:
            from tensorboard.compat.proto.event_pb2 import SessionLog

            self._write(step=step + 1, session_log=SessionLog(status=SessionLog.START))
        self._warned = False

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the numbers of one log."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        figures = {name: value for name, value in (kwargs.get("logs") or {}).items() if isinstance(value, int | float)}
        values = [Summary.Value(tag=_tracked_name(name), simple_value=value) for name, value in figures.items()]
        try:
            if not self.path.exists():
                self._write(file_version="brain.Event:2")
            self._write(step=state.global_step, summary=Summary(value=values))
        except OSError as error:
            if not self._warned:
                logging.getLogger("yoyak").warning("%s: can't be written (%s)", self.path, error.strerror)
            self._warned = True

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab", opener=no_link) as file:
            RecordWriter(file).write(Event(wall_time=time.time(), **fields).SerializeToString())


def _tracked_name(name: str) -> str:
    return f"eval/{name.removeprefix('eval_')}" if name.startswith("eval_") else f"train/{name}"
