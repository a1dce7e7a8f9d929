"""What a run shows and writes while it trains: metrics.jsonl and the progress bar."""

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...files import appending, no_link, write_atomic

if TYPE_CHECKING:
    from rich.console import Console

    from ..response_trainer import ResponseTrainer
    from .readings import RankReadings


def training_clock(trainer: "ResponseTrainer") -> float:
    """Return a clock in seconds that stands still while the trainer evaluates."""
    return time.perf_counter() - trainer.evaluation_seconds


class MetricsWriter(TrainerCallback):
    """Appends a JSON line to `metrics.jsonl` at each log.

    It holds step, epoch, loss, learning rate, tokens/s, what `readings` has read, and in a line of its own eval loss.
    """

    def __init__(self, path: Path, trainer: "ResponseTrainer", readings: "RankReadings", goes_on: bool = False) -> None:
        """Write to `path`, which is emptied, or cut off after the lines of the checkpoint where the run goes on."""
        self.path, self.trainer, self.readings = path, trainer, readings
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (goes_on and path.exists()):
            write_atomic(path, "")
        self._written: list[str] = []  # for a file that someone removes
        self._since = (0.0, 0)

    def state_dict(self) -> dict[str, int]:
        """Return how much of the file belongs to a checkpoint, once that much is on the disk."""
        self._restore()
        with open(self.path, "ab", opener=no_link) as file:
            os.fsync(file.fileno())
            return {"bytes": file.tell()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Drop the lines that were written after the checkpoint."""
        if self.path.stat().st_size > state["bytes"]:
            os.truncate(self.path, state["bytes"])
        self._written = self.path.read_text(encoding="utf-8").splitlines(keepends=True)

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock of tokens/s."""
        self._since = (training_clock(self.trainer), int(self.trainer.trained_tokens))

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write one line."""
        logs = {k: v for k, v in (kwargs.get("logs") or {}).items() if k != "epoch"}
        if "train_runtime" in logs:  # the summary at the end stands in run.json
            return
        line = {"step": state.global_step, "epoch": round(state.epoch or 0, 4), **logs}
        if "loss" in logs:
            now, tokens = training_clock(self.trainer), int(self.trainer.trained_tokens)
            line["tokens_per_second"] = round((tokens - self._since[1]) / (now - self._since[0]), 1)
            self._since = (now, tokens)
            line |= self.readings.newest
        self._written.append(json.dumps(line) + "\n")
        try:
            self._write()
        except OSError as error:  # the next log tries again; a checkpoint that can't be written ends the run
            logging.getLogger("yoyak").warning("%s: can't be written (%s)", self.path, error.strerror)

    def _write(self) -> None:
        if not self._restore():
            with appending(self.path) as file:
                file.write(self._written[-1])

    def _restore(self) -> bool:
        """Write all lines again where someone has removed the file; tell whether that was so."""
        if self.path.exists():
            return False
        logging.getLogger("yoyak").warning("%s is gone; it is made again with all that it held", self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path, "".join(self._written))
        return True


class ProgressBar(TrainerCallback):
    """A bar with loss, tokens/s and time left on a terminal; a line at each log elsewhere."""

    def __init__(self, console: "Console", trainer: "ResponseTrainer") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console, self.trainer = console, trainer
        steps, rates = "Training", "steps  loss {task.fields[loss]}  {task.fields[rate]} tokens/s  left"
        self.bar = Progress(
            TextColumn(console.render_str(steps).plain),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(console.render_str(rates).plain),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=None, loss="-", rate="-")
        self._begin = (0.0, 0, 0)  # clock, tokens and steps: a run that goes on has made some before

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the bar."""
        self._begin = (training_clock(self.trainer), int(self.trainer.trained_tokens), state.global_step)
        self.bar.update(self.task, total=state.max_steps)
        self.bar.start()

    def _rate(self) -> str:
        tokens = int(self.trainer.trained_tokens) - self._begin[1]
        return f"{tokens / max(training_clock(self.trainer) - self._begin[0], 1e-9):.0f}"

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        if self.console.is_terminal:
            self.bar.update(self.task, completed=state.global_step)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Show the newest loss."""
        logs = kwargs.get("logs") or {}
        if "loss" in logs:
            self.bar.update(self.task, loss=f"{logs['loss']:.3f}", rate=self._rate())
            if not self.console.is_terminal:
                made = max(state.global_step - self._begin[2], 1)
                left = (training_clock(self.trainer) - self._begin[0]) / made * (state.max_steps - state.global_step)
                self.console.print(
                    f"step {state.global_step}/{state.max_steps}  loss {logs['loss']:.3f}  "
                    f"{self._rate()} tokens/s  {left:.0f} s left",
                    highlight=False,
                )
        elif "eval_loss" in logs:
            rouge = f"  ROUGE sum {logs['eval_rouge_sum']:.2f}" if "eval_rouge_sum" in logs else ""
            self.console.print(
                f"epoch {state.epoch or 0:.1f}  evaluation loss {logs['eval_loss']:.4f}{rouge}", highlight=False
            )

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Take the bar away."""
        self.bar.stop()
