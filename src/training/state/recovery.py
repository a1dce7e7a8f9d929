"""Recovery checkpoints: saved every so many steps or minutes, without evaluating, beside those of evaluations."""

import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...ranks.group import agreed

if TYPE_CHECKING:
    from .checkpointed_trainer import CheckpointedTrainer

MOST_SHARE = 0.02
"""Of the time, for checkpoints by the clock: where saving is slow, they come less often than `save_minutes` says."""


class RecoverySaves(TrainerCallback):
    """Asks for a checkpoint at each step that `steps` divides, and when `minutes` have passed since the last one."""

    def __init__(self, trainer: "CheckpointedTrainer", steps: int | None, minutes: float | None) -> None:
        """Save for `trainer`; None turns either off."""
        self.trainer, self.steps, self.minutes = trainer, steps, minutes
        self._last = time.monotonic()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self._last = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint where one is due and no evaluation, which saves as well, comes next."""
        if control.should_save or self.trainer.evaluation_due():
            return
        by_steps = self.steps is not None and state.global_step % self.steps == 0
        if by_steps or (self.minutes is not None and self._late()):
            control.should_save = True

    def _late(self) -> bool:
        """Tell whether enough time has passed, by the first rank's clock where all ranks have to save together."""

        def late() -> bool:
            return time.monotonic() - self._last >= self.interval_seconds()

        return agreed(late) if self.trainer.is_cut else late()

    def interval_seconds(self) -> float:
        """Return the least time between two checkpoints by the clock."""
        assert self.minutes is not None
        return max(60 * self.minutes, self.trainer.last_save_seconds * (1 / MOST_SHARE - 1))

    def on_save(self, *_: Any, **__: Any) -> None:
        """Start the clock again."""
        self._last = time.monotonic()
