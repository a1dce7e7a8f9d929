"""Hugging Face's Trainer with checkpoints of ours, from which a run goes on bit for bit.

The Trainer writes optimizer, schedule, random states and arguments as pickles, straight into the final folder. Here
all of it goes into safetensors and JSON, in a folder that appears whole (see `checkpoints`). The methods that are
overridden for it are private, so the range of transformers that is supported is pinned, and tested at both ends.

What else should survive: a callback with `state_dict()` and `load_state_dict(state)`, a dict that JSON can hold, is
saved under its class's name without further ado; any other object with these two is named by `stateful()`.
"""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback

from ...ranks.group import copy_from_first, gathered, is_first_rank, rank_count, working_alone
from ..guards.interrupts import EvaluationStopped
from ..guards.one_process import raise_unless_alone
from ..several.cut_weights import is_cut, read_cut_weights, whole_weights
from .checkpoints import read_checkpoint, remove_others, saved_steps, steps_to_keep, write_checkpoint
from .training_state import (
    Facts,
    Stateful,
    Tensors,
    optimizer_state,
    random_states,
    restore_optimizer,
    restore_random_states,
)

STATE = "training_state"
"""Name of the files with all that is neither weights nor the Trainer's own record: `.json` and `.safetensors`."""


class EarlyStopping(EarlyStoppingCallback):
    """Early stopping whose count of evaluations without a better one is saved."""

    def state_dict(self) -> dict[str, Any]:
        """Return the count."""
        return {"evaluations": self.early_stopping_patience_counter}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the count back."""
        self.early_stopping_patience_counter = state["evaluations"]


class CheckpointedTrainer(Trainer):
    """A Trainer whose checkpoints are whole or not there and hold all that decides how a run goes on.

    Attributes:
        facts: what the run is made of (settings, hashes, what was resolved at run time), saved with each checkpoint.
        is_cut: whether its weights are cut over the ranks (see `several.cut_weights`).
        saving_seconds: spent on checkpoints, `last_save_seconds` of them on the last one.
        trained_tokens: seen in training, `evaluation_seconds`: spent on evaluations; both over the whole run.
    """

    state: Any  # the Trainer's own attributes, which are untyped here
    control: Any
    optimizer: Any
    _tr_loss: Any

    def __init__(self, *args: Any, facts: Facts | None = None, checkpoint_limit: int = 2, **kwargs: Any) -> None:
        """Take the Trainer's arguments, the run's facts, and how many checkpoints are kept.

        The newest and the best one always are.

        Raises:
            YoyakError: it is set up for several processes or devices, or for another precision.
        """
        super().__init__(*args, **kwargs)
        raise_unless_alone(self)
        self.facts, self._checkpoint_limit = facts or {}, checkpoint_limit
        self.trained_tokens: Any = 0
        self.evaluation_seconds = self.saving_seconds = self.last_save_seconds = 0.0
        self.stop_requested = self.in_evaluation = False
        self.stop_signal: int | None = None
        self.agreed_signal: int | None = None
        self.is_cut = is_cut(self.model)
        self._trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self._seconds_before = self._began = 0.0
        self._evaluated_step: int | None = None
        self._resumed_from: str | None = None
        self._random_before: Any = None
        self._checkpoints: list[int] = []
        self._saved: Facts | None = None  # of the checkpoint that the run goes on from
        self._pending = self._finished = False
        self.add_callback(_Resuming(self))

    def evaluation_due(self) -> bool:
        """Tell whether an evaluation belongs to the step that has just been made, done or not."""
        step, last = self.state.global_step, self.state.global_step >= self.state.max_steps
        if self.args.eval_strategy == "steps":
            return bool(last or step % self.state.eval_steps == 0)
        return bool(self.args.eval_strategy == "epoch" and (last or float(self.state.epoch).is_integer()))

    def seconds_trained(self) -> float:
        """Return the seconds since training began, without those between an end and going on."""
        return self._seconds_before + (time.perf_counter() - self._began if self._began else 0.0)

    def request_stop(self, number: int, agreed: bool) -> None:
        """Stop after the step under way, with a checkpoint; an evaluation under way is left for later."""
        self.stop_requested, self.stop_signal = True, number
        if agreed:
            self.agreed_signal = number
        if self.in_evaluation:
            raise EvaluationStopped

    def count_evaluation(self, seconds: float) -> None:
        """Count time of others as spent on evaluations, not on training."""
        self.evaluation_seconds += seconds

    def ends_here(self) -> bool:
        """Return whether the run has ended, so nothing remains to resume."""
        return bool(self.state.global_step >= self.state.max_steps or self.control.should_training_stop)

    # Writing

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        start = time.perf_counter()
        self.store_flos()
        step, best = self.state.global_step, self.state.best_global_step or None
        root = Path(self.args.output_dir)
        if best is not None:
            self.state.best_model_checkpoint = str(root / f"checkpoint-{best}")
        self._checkpoints = steps_to_keep([*self._checkpoints, step], best, self._checkpoint_limit)
        whole = self._whole_state() if self.is_cut or is_first_rank() else None
        if whole is not None and is_first_rank():
            with working_alone():
                write_checkpoint(root, step, partial(self._write_state, whole), best)
                remove_others(root, self._checkpoints)
        if self.is_cut:
            gathered(None)  # all of them read it to go back to the best weights
        self.last_save_seconds = time.perf_counter() - start
        self.saving_seconds += self.last_save_seconds

    def _whole_state(self) -> tuple[Tensors | None, Tensors, Facts]:
        """Return the weights where they are cut over the ranks, and the optimizer's state: whole on the first rank."""
        weights = whole_weights(self.model) if self.is_cut else None
        return weights, *optimizer_state(_unwrapped(self.optimizer))

    def _write_state(self, whole: tuple[Tensors | None, Tensors, Facts], folder: Path) -> None:
        """Write weights, the Trainer's record and the state of everything else to a folder."""
        weights, optimizer, optimizer_facts = whole
        self._save(str(folder), weights)
        self.state.save_to_json(str(folder / "trainer_state.json"))
        chance, random_facts = random_states()
        scaler = getattr(self.accelerator, "scaler", None)
        stateful = self.stateful().items()
        facts = {
            "facts": self.facts | ({"processes": rank_count()} if rank_count() > 1 else {}),
            "optimizer": optimizer_facts,
            "schedule": self.lr_scheduler.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
            "random": random_facts,
            "loss_sums": [self._tr_loss.item(), self._total_loss_scalar, self._globalstep_last_logged],
            "trained_tokens": int(self.trained_tokens),
            "seconds": [self.seconds_trained(), self.evaluation_seconds, self.saving_seconds],
            "evaluation_pending": self.evaluation_due() and self._evaluated_step != self.state.global_step,
            "finished": self.ends_here(),
            "stateful": {name: one.state_dict() for name, one in stateful},
        }
        tensors = {f"optimizer.{name}": tensor for name, tensor in optimizer.items()}
        tensors |= {f"random.{name}": tensor for name, tensor in chance.items()}
        safetensors.torch.save_file(tensors, folder / f"{STATE}.safetensors")
        (folder / f"{STATE}.json").write_text(json.dumps(facts), encoding="utf-8")

    def stateful(self) -> dict[str, Stateful]:
        """Return the objects whose state is saved too, by name."""
        callbacks = [one for one in self.callback_handler.callbacks if hasattr(one, "load_state_dict")]
        return {type(one).__name__: one for one in callbacks}

    # Going on

    def _load_best_model(self) -> None:
        if self.is_cut:
            read_cut_weights(self.model, Path(self.state.best_model_checkpoint))
            return
        if is_first_rank():
            with working_alone():
                super()._load_best_model()
        copy_from_first(self._trained)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        checkpoint = read_checkpoint(Path(resume_from_checkpoint))
        if self.is_cut:
            read_cut_weights(self.model, checkpoint.folder)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        self._saved, self._resumed_from = checkpoint.read_json(f"{STATE}.json"), resume_from_checkpoint
        self._checkpoints = [step for step in saved_steps(checkpoint.folder.parent) if step <= checkpoint.step]

    def _load_callback_state(self) -> None:
        assert self._saved is not None
        for name, one in self.stateful().items():
            if name in self._saved["stateful"]:
                one.load_state_dict(self._saved["stateful"][name])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None or self._saved is None:
            return
        tensors = _tensors(checkpoint, "optimizer.")
        restore_optimizer(_unwrapped(self.optimizer), tensors, self._saved["optimizer"])
        self.lr_scheduler.load_state_dict(self._saved["schedule"])

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self._saved is not None and self._saved["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(self._saved["scaler"])

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self._saved is not None:  # once: what comes first decides
            restore_random_states(_tensors(checkpoint, "random."), self._saved["random"])
            self._saved = None

    def resume_sums(self, saved: Facts) -> None:
        """Go on with the sums that the Trainer has just set to zero."""
        total, self._total_loss_scalar, self._globalstep_last_logged = saved["loss_sums"]
        self._tr_loss.fill_(total)
        self._initial_global_step = 0  # the mean loss is over the whole run
        self.trained_tokens = saved["trained_tokens"]
        self._seconds_before, self.evaluation_seconds, self.saving_seconds = saved["seconds"]
        self.state.compute_steps(self.args, self.state.max_steps)  # logging may have been set anew
        best = self.state.best_global_step
        place = Path(self.args.output_dir) / f"checkpoint-{best}"  # the run may have been moved
        self.state.best_model_checkpoint = str(place) if best and place.is_dir() else None
        self._pending, self._finished = saved["evaluation_pending"], saved["finished"]

    def begin(self) -> Facts | None:
        """Start the clock; return the state to go on with, or None at the start of a run."""
        copy_from_first([] if self.is_cut else self._trained)
        self._began = time.perf_counter()
        return self._saved

    # The loop

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        self._catch_up()
        if self._finished and not self._pending:
            self.control.should_training_stop = True
        if not self.control.should_training_stop:  # the Trainer would make a step before it looks
            super()._run_epoch(*args, **kwargs)

    def _finalize_training(self, *args: Any, **kwargs: Any) -> Any:
        self._catch_up()
        return super()._finalize_training(*args, **kwargs)

    def _catch_up(self) -> None:
        """Run the evaluation that was due or interrupted at the stop, then the Trainer's steps after it."""
        if not self._pending:
            return
        self._load_rng_state(self._resumed_from)
        self._pending = False
        self.control.should_evaluate = self.control.should_save = True
        self.control.should_log = False
        self._maybe_log_save_evaluate(self._tr_loss, None, self.model, None, self.state.epoch, None, 0.0)

    def _evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        self._random_before = random_states()
        metrics: dict[str, float] = super()._evaluate(*args, **kwargs)
        self._evaluated_step = self.state.global_step
        return metrics

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._maybe_log_save_evaluate(*args, **kwargs)
        except EvaluationStopped:
            if self._random_before is not None:
                restore_random_states(*self._random_before)
            self._save_checkpoint(self.model, None)
            self.control.should_training_stop = True


class _Resuming(TrainerCallback):
    """Calls the trainer back right before its first step."""

    def __init__(self, trainer: CheckpointedTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        saved = self.trainer.begin()
        if saved is not None:
            self.trainer.resume_sums(saved)


def _unwrapped(optimizer: Any) -> Any:
    return getattr(optimizer, "optimizer", optimizer)  # accelerate's wrapper holds the real one


def _tensors(checkpoint: str, prefix: str) -> dict[str, Any]:
    everything = safetensors.torch.load_file(Path(checkpoint) / f"{STATE}.safetensors")
    return {name.removeprefix(prefix): tensor for name, tensor in everything.items() if name.startswith(prefix)}
