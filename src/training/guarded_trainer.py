"""A trainer that lives through bad steps and a lack of memory, and knows afterwards what it has learned from them."""

import math
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from ..inference.batches import splits_of
from ..kernels.few_rows import leave_onednn, leaves_onednn
from ..ranks.group import rank_count
from .guards.out_of_memory import MemoryRoom
from .guards.step_back import names_of_step, roll_back
from .guards.step_guard import OnDivergence, StepGuard
from .state.checkpointed_trainer import CheckpointedTrainer
from .state.training_state import Stateful


class GuardedTrainer(CheckpointedTrainer):
    """A `CheckpointedTrainer` with a guard over its steps and the sizes that memory allows.

    Attributes:
        room: how much is trained on at a time.
        evaluation_room: how much is evaluated at a time.
        guard: leaves bad steps out, and ends or rolls back a run that has too many.
    """

    size_names: ClassVar = {
        "training": "examples_at_a_time",
        "evaluation": "examples_at_a_time",
        "generation": "batch_tokens",
    }

    def __init__(self, *args: Any, max_bad_steps: int = 5, on_divergence: OnDivergence = "stop", **kwargs: Any) -> None:
        """Take the base class's arguments and the `StepGuard`'s."""
        super().__init__(*args, **kwargs)
        self.room, self.evaluation_room = MemoryRoom(), MemoryRoom()
        run_dir, ways = Path(self.args.output_dir).parent, (partial(names_of_step, self), partial(roll_back, self))
        self.guard = StepGuard(run_dir, max_bad_steps, on_divergence, *ways)
        self.add_callback(self.guard)
        self._logged_step = 0

    def ends_here(self) -> bool:
        """As the base class, but a run stopped by the guard may resume."""
        return super().ends_here() and self.guard.reason is None

    def resume_sums(self, saved: dict[str, Any]) -> None:
        """As `CheckpointedTrainer.resume_sums`."""
        super().resume_sums(saved)
        self._logged_step = self._globalstep_last_logged

    def stateful(self) -> dict[str, Stateful]:
        """As the base class, and what was learned from faults."""
        return super().stateful() | {"faults": KeptFaults(self)}

    def faults_state(self) -> dict[str, Any]:
        """Return what was learned from faults, as JSON: what a resumed run goes on from, and `run.json` counts."""
        splits = splits_of(self.model)
        return {
            "training": self.room.state_dict(),
            "evaluation": self.evaluation_room.state_dict(),
            "generation": {"count": splits.count, "batch_tokens": splits.batch_tokens},
            "leaves_onednn": leaves_onednn(),
            "steps": self.guard.state_dict(),
        }

    def load_faults_state(self, state: dict[str, Any]) -> None:
        """Take over what `faults_state` returned."""
        self.room.load_state_dict(state["training"])
        self.evaluation_room.load_state_dict(state["evaluation"])
        if (kept := state.get("generation")) and rank_count() == 1:  # of several ranks each has learned its own
            splits_of(self.model).go_on(kept["count"], kept["batch_tokens"])
        if state.get("leaves_onednn"):
            leave_onednn()
        self.guard.load_state_dict(state["steps"])

    def faults(self) -> dict[str, Any]:
        """Return the counts of faults for a run's record, and the sizes that memory has allowed since."""
        steps = self.guard.now
        found: dict[str, Any] = {"bad_steps": steps.bad_steps, "rollbacks": steps.rollbacks}
        generation = splits_of(self.model)
        for where, count, size in (
            ("training", self.room.count, self.room.most),
            ("evaluation", self.evaluation_room.count, self.evaluation_room.most),
            ("generation", generation.count, generation.batch_tokens),
        ):
            if count:
                found[f"out_of_memory_in_{where}"] = {"count": count, self.size_names[where]: size}
        return found

    def _clip_grad_norm(self, model: nn.Module) -> torch.Tensor:
        """Clip the step's gradient; return its norm before. A step that is not a number goes no further."""
        norm = self._clipped_norm(model)
        optimizer = getattr(self.optimizer, "optimizer", self.optimizer)
        self.guard.before_optimizer(norm, optimizer, self.accelerator.scaler, self.state.global_step + 1)
        return norm

    def _clipped_norm(self, model: nn.Module) -> torch.Tensor:
        norm: torch.Tensor = super()._clip_grad_norm(model)
        return norm

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log; the mean loss is that of the steps that were not left out, and what is not a number is not logged."""
        if "loss" in logs:
            steps, bad = self.state.global_step - self._logged_step, self.guard.bad_for_log()
            self._logged_step = self.state.global_step
            if bad:
                loss = logs.pop("loss")
                logs |= {"bad_steps": bad} | ({"loss": loss * steps / (steps - bad)} if steps > bad else {})
            if not math.isfinite(logs.get("grad_norm", 0.0)):
                del logs["grad_norm"]
        super().log(logs, start_time)


class KeptFaults:
    """What a trainer has learned from faults, as its checkpoints keep it."""

    def __init__(self, trainer: GuardedTrainer) -> None:
        self._trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        """Return it."""
        return self._trainer.faults_state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it over."""
        self._trainer.load_faults_state(state)
