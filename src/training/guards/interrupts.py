"""Ctrl-C and SIGTERM: training finishes its step, saves and stops; a second signal leaves at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TypeVar, cast

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...ranks.group import rank_count

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Loop = TypeVar("Loop", bound=Callable[..., Any])


class Stopped(KeyboardInterrupt):
    """The process was told to stop by a signal, whose number says how it ends: 130 for Ctrl-C, 143 for SIGTERM."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class TrainingInterrupted(Stopped):
    """Training was stopped by a signal, after the step was finished and its checkpoint written.

    Where it is `agreed`, all processes of the run stop alike.
    """

    agreed = True

    def __init__(self, checkpoint: Path | None, step: int, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.checkpoint, self.step = checkpoint, step


class Stoppable(Protocol):
    """A trainer that a signal stops: whether it was asked to, and whether it is evaluating.

    Attributes:
        stop_signal: number of the signal that this process was sent.
        agreed_signal: the same once all processes of the run know of it, after one and the same step.
    """

    stop_requested: bool
    stop_signal: int | None
    agreed_signal: int | None
    in_evaluation: bool
    is_in_train: bool

    def request_stop(self, number: int, agreed: bool) -> None:
        """Finish the step under way, for a signal that all processes know where `agreed`; leave an evaluation.

        Raises:
            EvaluationStopped: out of an evaluation.
        """


class EvaluationStopped(BaseException):
    """Raised when a signal abandons an evaluation. The resumed run repeats it."""


class StopOnSignal(TrainerCallback):
    """Ctrl-C or SIGTERM finishes the step and saves a checkpoint; a second one leaves at once.

    `number` is that of the first signal, None while there was none.
    """

    def __init__(self, trainer: Stoppable) -> None:
        self.trainer = trainer
        self.number: int | None = None
        self._previous: dict[int, Any] = {}

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            raise Stopped(number)
        self.number = number
        self.trainer.request_stop(number, agreed=rank_count() == 1)

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Catch the signals from here on (they reach the main thread only)."""
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._stop) for number in _SIGNALS}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint; an evaluation that is due is left for later."""
        if self.trainer.agreed_signal is not None:
            control.should_save, control.should_evaluate = True, False

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for the end, now that the state is saved."""
        if self.trainer.agreed_signal is not None:
            control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Skip what comes after an epoch where the run stops within it."""
        if self.trainer.agreed_signal is not None and control.should_training_stop:
            control.should_save = control.should_evaluate = control.should_log = False

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Give the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


def left_on_stop(loop: Loop) -> Loop:
    """Let a trainer's evaluation loop be left in its midst when a signal comes; several ranks agree on it first."""

    @wraps(loop)
    def watched(self: Stoppable, *args: Any, **kwargs: Any) -> Any:
        if self.stop_requested and rank_count() == 1:
            raise EvaluationStopped
        self.in_evaluation = self.is_in_train and rank_count() == 1
        try:
            return loop(self, *args, **kwargs)
        finally:
            self.in_evaluation = False

    return cast(Loop, watched)


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Make SIGTERM raise `Stopped`, as Ctrl-C raises KeyboardInterrupt, so that a run can record its end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
