"""Steps whose loss or gradient is not a number are left out, and a loss that runs away stops the run.

The two figures of a step are read where the host waits for the device anyway: on the CPU, before an optimizer that
waits itself (those of bitsandbytes do, at each parameter), and before a gradient scaler, which looks for infinities.
Fused AdamW never waits for the verdict, which stays on the GPU until the next log.
"""

import json
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...bilingual import count
from ...errors import YoyakError
from ...files import appending
from ...ranks.group import is_first_rank

OnDivergence = Literal["stop", "rollback", "ignore"]
_RUNNING_LOSSES = 200  # steps whose losses make the running median
_LEAST_LOSSES = 20  # before which a median says little
_FAR_ABOVE = 3.0  # times the median
_FAR_STEPS = 50  # in a row that far above
_MOST_ROLLBACKS = 3  # the same data and rate would only diverge again


@dataclass
class GuardState:
    """What a resumed run goes on from.

    Attributes:
        bad_steps: left out so far.
        bad_in_a_row: of them, without a good one since.
        far_in_a_row: steps in a row whose loss was far above the running median.
        rollbacks: made so far.
        losses: of the last good steps that were not far above, oldest first.
    """

    bad_steps: int = 0
    bad_in_a_row: int = 0
    far_in_a_row: int = 0
    rollbacks: int = 0
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=_RUNNING_LOSSES))


class StoppedRunError(YoyakError):
    """A run that was stopped, since it had gone wrong; its state is in a checkpoint."""


class StepGuard(TrainerCallback):
    """Leaves out steps that would spoil the weights, records them, and stops a run that has gone wrong.

    `reason` says why the run was stopped, and is None where it wasn't.
    """

    def __init__(
        self,
        folder: Path,
        most_bad_steps: int,
        on_divergence: OnDivergence,
        names_of_step: Callable[[int], Sequence[str]] = lambda step: [],
        roll_back: Callable[[int], int | None] = lambda before: None,
    ) -> None:
        """Guard the run of a folder, to whose `bad_steps.jsonl` bad steps are appended; so many in a row stop it.

        `names_of_step` returns the ids of the examples of a step (from 1). `roll_back` goes back to the weights of the
        newest checkpoint of at most a given step, and returns its step, or None where there is none.
        """
        self.path, self.most_bad_steps, self.on_divergence = folder / "bad_steps.jsonl", most_bad_steps, on_divergence
        self.names_of_step, self.roll_back = names_of_step, roll_back
        self.now = GuardState()
        self.reason: str | None = None
        self._bad_since_log = 0
        self._loss: torch.Tensor | None = None
        self._unread: list[tuple[int, torch.Tensor]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on from, as JSON."""
        return {**vars(self.now), "losses": list(self.now.losses)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.now = GuardState(**{**state, "losses": deque(state["losses"], maxlen=_RUNNING_LOSSES)})

    def seen(self, loss: torch.Tensor) -> torch.Tensor:
        """Take a micro-batch's share of the step's loss; return it for the log, 0 where it is not a number."""
        loss = loss.detach()
        self._loss = loss if self._loss is None else self._loss + loss
        return loss.nan_to_num(0.0, 0.0, 0.0)

    def before_optimizer(self, norm: torch.Tensor, optimizer: Any, scaler: Any, step: int) -> None:
        """Keep torch's or bitsandbytes' optimizer from a step whose gradient's norm, before clipping, is not a number.

        fp16's scaler leaves overflows out itself; they count once its scale is down to 1.
        """
        loss = torch.zeros_like(norm) if self._loss is None else self._loss
        self._loss = None
        figures = torch.stack([norm.double(), loss.to(norm.device).double()])
        if norm.is_cuda and scaler is None and takes_verdicts(optimizer):
            optimizer.grad_scale, optimizer.found_inf = None, (~figures.isfinite().all()).float()
            self._unread.append((step, figures))
            return
        values = figures.tolist()
        finite = all(map(math.isfinite, values))
        if scaler is None and not finite:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None  # every optimizer passes these by, their momentum included
        if finite or scaler is None or scaler.get_scale() <= 1:
            self._judge(step, *values)

    def read(self) -> None:
        """Judge the steps whose figures are still on the device."""
        if self._unread:
            steps, figures = zip(*self._unread, strict=True)
            self._unread = []
            for step, (norm, loss) in zip(steps, torch.stack(figures).tolist(), strict=True):
                self._judge(step, norm, loss)

    def bad_for_log(self) -> int:
        """Return the bad steps since the last call, whose losses are missing in the logged mean."""
        self.read()
        bad, self._bad_since_log = self._bad_since_log, 0
        return bad

    def _judge(self, step: int, norm: float, loss: float) -> None:
        if math.isfinite(norm) and math.isfinite(loss):
            self.now.bad_in_a_row = 0
            self._follow(step, loss)
            return
        self.now.bad_steps += 1
        self.now.bad_in_a_row += 1
        self._bad_since_log += 1
        names = list(self.names_of_step(step))
        line = {"step": step, "loss": _or_word(loss), "gradient_norm": _or_word(norm), "examples": names}
        if is_first_rank():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with appending(self.path) as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        logging.getLogger("yoyak").warning(
            "Step %d was left out: loss %s, gradient norm %s; its examples are in %s", step, loss, norm, self.path
        )
        if self.now.bad_in_a_row >= self.most_bad_steps and self.reason is None:
            self.reason = (
                f"{count(self.now.bad_in_a_row, 'step')} in a row had a loss or gradient that is not a number "
                f"(training.max_bad_steps); their examples are in {self.path}; look at those, or lower "
                "training.learning_rate"
            )

    def _follow(self, step: int, loss: float) -> None:
        losses = self.now.losses
        usual = median(losses) if len(losses) >= _LEAST_LOSSES else math.inf
        if loss <= _FAR_ABOVE * usual:
            self.now.far_in_a_row = 0
            losses.append(loss)
            return
        self.now.far_in_a_row += 1
        if self.now.far_in_a_row < _FAR_STEPS or self.on_divergence == "ignore":
            return
        story = f"the loss was above {_FAR_ABOVE:g} times its running median ({usual:.3f}) for {_FAR_STEPS} steps"
        went_back = None
        if self.on_divergence == "rollback" and self.now.rollbacks < _MOST_ROLLBACKS:
            went_back = self.roll_back(step - _FAR_STEPS)
        self.now.far_in_a_row = 0
        if went_back is not None:
            self.now.rollbacks += 1
            logging.getLogger("yoyak").warning(
                "Step %d: %s; back to the weights of step %d, on with the next examples", step, story, went_back
            )
        elif self.reason is None:
            self.reason = f"{story}; lower training.learning_rate, or set training.on_divergence=ignore"

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ask for a checkpoint and the end where the run has gone wrong."""
        if self.reason is not None:
            control.should_save = control.should_training_stop = True
            control.should_evaluate = False

    on_log = on_step_end  # what was read at a log

    def raise_if_gone_wrong(self, step: int, checkpoints: Path) -> None:
        """Raise StoppedRunError where the run, whose last step was `step`, was stopped or has trained nothing."""
        self.read()
        if self.reason is None and self.now.bad_steps >= step:
            self.reason = f"no step had a loss and a gradient that are numbers; their examples are in {self.path}"
        if self.reason is not None:
            folder = checkpoints / f"checkpoint-{step}"
            kept = f" (state after step {step}: {folder})" if folder.is_dir() else ""
            raise StoppedRunError(f"training was stopped{kept}: {self.reason}")


def takes_verdicts(optimizer: Any) -> bool:
    """Tell whether an optimizer leaves a step out by itself, on the device (torch's fused AdamW)."""
    return isinstance(optimizer, torch.optim.Optimizer) and bool(optimizer.defaults.get("fused"))


def _or_word(number: float) -> float | str:
    """Return a number for JSON; NaN and infinity, which JSON does not have, as words."""
    return number if math.isfinite(number) else str(number)
