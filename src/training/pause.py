"""Pausing a run after a step: it is measured, saved, and goes on later as if it had never stopped."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .guards.interrupts import EvaluationStopped, TrainingInterrupted
from .state.training_state import random_states, restore_random_states

if TYPE_CHECKING:
    from .response_trainer import ResponseTrainer

PauseMeasure = Callable[["ResponseTrainer"], float]


class TrainingPaused(TrainingInterrupted):
    """Training has paused where it was to, with a checkpoint."""


class PauseAt(TrainerCallback):
    """Measures a run at some steps and pauses it at one of them, or where the time has run out.

    What is measured is in the checkpoint, so a run that is killed right after it isn't measured again. Neither the
    training's random numbers nor its log know of it.

    Attributes:
        measured: what was found at each of `steps` that the run has passed, by their place in the list.
        paused: whether the run is to end for now.
    """

    def __init__(
        self,
        steps: Sequence[int],
        measures: Sequence[PauseMeasure],
        until: int | None,
        in_time: Callable[[int], bool] = lambda step: True,
    ) -> None:
        """Take the steps, in order, with what is measured after each; the place of that at which the run pauses.

        `until` None goes on to the end. `in_time` is asked after each step with its number: False pauses the run.
        """
        self.steps, self.measures, self.until, self.in_time = steps, measures, until, in_time
        self.measured: dict[int, float] = {}
        self.paused = False
        self.trainer: ResponseTrainer | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return what was measured."""
        return {"measured": {str(place): value for place, value in self.measured.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.measured = {int(place): value for place, value in state["measured"].items()}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Measure what is due, and ask for a checkpoint where the run is to pause; an evaluation is left for later."""
        step = state.global_step
        if step >= state.max_steps or control.should_training_stop:
            return
        late = not self.in_time(step)
        for place, due in enumerate(self.steps):
            if place not in self.measured and (step >= due or (late and not self.measured)):
                self._measure(place)
        if late or (self.until is not None and self.until in self.measured):
            self.paused, control.should_save, control.should_evaluate = True, True, False

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for the end, now that the state is saved."""
        if self.paused:
            control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Skip what comes after an epoch where the run pauses at its last step: going on begins with it."""
        if self.paused:
            control.should_save = control.should_evaluate = control.should_log = False

    def _measure(self, place: int) -> None:
        """Measure; where a signal comes meanwhile, the next step that is made does."""
        assert self.trainer is not None
        before = random_states()
        try:
            self.measured[place] = self.measures[place](self.trainer)
        except EvaluationStopped:
            pass
        finally:
            restore_random_states(*before)


def evaluation_loss(trainer: "ResponseTrainer") -> float:
    """Return the evaluation loss of the weights as they are; unlike `evaluate`, nothing is logged or counted."""
    found: float = trainer.evaluation_loop(trainer.get_eval_dataloader(), "", metric_key_prefix="pause").metrics[
        "pause_loss"
    ]
    return found
