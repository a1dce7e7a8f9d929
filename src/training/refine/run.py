"""A refining from its first step to its final model: evaluations, the best state, checkpoints, and going on."""

import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import safetensors.torch

from ...bilingual import Text
from ...errors import YoyakError
from ...files import appending, write_atomic
from ...kernels.few_rows import leave_onednn, leaves_onednn
from ...ranks.group import agreed, copy_from_first, gathered, is_first_rank, rank_count, working_alone
from ..guards.interrupts import EvaluationStopped, StopOnSignal, TrainingInterrupted
from ..logs.readings import Readings
from ..state.checkpointed_trainer import STATE
from ..state.checkpoints import Checkpoint, read_checkpoint, remove_others, saved_steps, steps_to_keep, write_checkpoint
from ..state.training_state import Facts, optimizer_state, restore_optimizer
from .average import copy_into
from .refiner import RefineExample, Refiner

_WEIGHTS, _AVERAGE, _OPTIMIZER = "trained.safetensors", "average.safetensors", "optimizer.safetensors"
_FACTS_FALL = 0.8  # of the share of facts kept at the start: below it refining ends
_KEPT = 2  # checkpoints
_FEWER_ROWS = "Memory holds %d summaries at a time, and held %d: the run goes on, but not to the last bit"
_PACE_STEPS = 10  # that decide how many fit into `refine.minutes`; the first ones compile
_SURE_SHARE = 0.25  # of the minutes, after which it is decided anew, for good: as summaries get shorter, steps do


class RefineRun:
    """Makes a refiner's steps, evaluates, keeps the best state, and stops where it gets no better; `why` says why."""

    stop_requested = in_evaluation = False
    stop_signal: int | None = None
    agreed_signal: int | None = None
    _evaluation_seconds = 0.0
    is_in_train = True

    def __init__(
        self,
        refiner: Refiner,
        evaluated: Sequence[RefineExample],
        run_dir: Path,
        facts: Facts,
        resume: Checkpoint | None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare a run, or go on with it from `resume`; `facts`, what it is made of, are saved with checkpoints.

        `in_time` is asked after each step: False ends the run with an evaluation.
        """
        self.refiner, self.evaluated, self.run_dir, self.facts = refiner, evaluated, run_dir, facts
        self.evaluations: list[dict[str, float]] = []  # the start's first
        self.in_time = in_time
        self.why = ""
        self.seconds = 0.0
        self.paced: Literal["not yet", "at first", "for good"] = "not yet"
        self._step_seconds: list[float] = []
        self._most_steps = refiner.settings.steps
        self._logger = logging.getLogger("yoyak")
        self._metrics = run_dir / "metrics.jsonl"
        self._interrupt = StopOnSignal(self)
        self._readings = Readings(refiner.device)
        if resume is not None:
            self._go_on(resume)
        elif is_first_rank():
            write_atomic(self._metrics, "")

    def request_stop(self, number: int, agreed: bool) -> None:
        """Finish the step under way; raise EvaluationStopped out of an evaluation."""
        self.stop_requested, self.stop_signal = True, number
        if agreed:
            self.agreed_signal = number
        if self.in_evaluation:
            raise EvaluationStopped

    @property
    def best(self) -> dict[str, float]:
        """Return the evaluation with the highest reward, the first of equal ones."""
        return max(self.evaluations, key=lambda one: one["eval_reward"])

    def train(self, on_step: Callable[[int, dict[str, float]], None] = lambda *_: None) -> None:
        """Make the steps that are left, each told to `on_step`; the refiner ends with the best weights.

        Raises:
            TrainingInterrupted: by a signal, after the step and its checkpoint.
            YoyakError: memory is too small, a worker failed, or the reward is no number.
        """
        self._interrupt.on_train_begin()
        try:
            self._evaluate_if_due()
            while not self.why and self.refiner.step < self.refiner.settings.steps:
                began = time.perf_counter()
                figures = self.refiner.train_step()
                self._step_seconds.append(time.perf_counter() - began)
                self.seconds += self._step_seconds[-1]
                self._keep_to_minutes()
                if not agreed(self.in_time):
                    self._make_steps(self.refiner.step)
                self._refuse_broken(figures)
                self._log({"step": self.refiner.step, **figures, **self._readings.read()})
                on_step(self.refiner.step, figures)
                self.agreed_signal = max(gathered(self.stop_signal or 0)) or None
                if self.agreed_signal:
                    self._stop()
                self._evaluate_if_due()
        except EvaluationStopped:
            self._stop()
        finally:
            self._interrupt.on_train_end()
        steps = self.refiner.settings.steps
        all_made = Text(f"all {steps} steps are made", f"스텝 {steps:,}개를 모두 마쳤습니다")
        self.why = self.why or all_made
        if is_first_rank():
            with working_alone():
                best = read_checkpoint(self._folder(int(self.best["step"])))
                copy_into(self.refiner.parameters, safetensors.torch.load_file(best.folder / _AVERAGE))
        copy_from_first(list(self.refiner.parameters.values()))

    def _evaluate_if_due(self) -> None:
        """Evaluate and save where it is time for it and not done yet; say why to end where that is so."""
        step, settings = self.refiner.step, self.refiner.settings
        done = self.evaluations and self.evaluations[-1]["step"] == step
        if not done and (step % settings.eval_steps == 0 or step == settings.steps):
            self.in_evaluation, began = rank_count() == 1, time.perf_counter()  # several end it together
            try:
                figures = self.refiner.evaluate(self.evaluated)
            finally:
                self.in_evaluation = False
                self._evaluation_seconds = time.perf_counter() - began
                self.seconds += self._evaluation_seconds
            self.evaluations.append({"step": step, **figures})
            self._log(self.evaluations[-1])
            self._save()
        self.why = self._reason_to_end()

    def _keep_to_minutes(self) -> None:
        """Decide by the first steps' pace how many fit into `refine.minutes` with evaluations; later again, for good.

        Where not even these fit, the run ends with those that do.
        """
        settings, made = self.refiner.settings, self._step_seconds
        if settings.minutes is None or self.paced == "for good":
            return
        left = 60 * settings.minutes - self.seconds - self._evaluation_seconds  # of the last step
        if self.paced == "not yet":
            another = min(made) if len(made) > 1 else 0.0  # the first one compiles
            waits = len(made) < _PACE_STEPS and left >= another
        else:
            waits = len(made) < _PACE_STEPS or self.seconds < _SURE_SHARE * 60 * settings.minutes
        if agreed(lambda: waits):
            return
        pace = statistics.median(made) + self._evaluation_seconds / settings.eval_steps
        steps = agreed(lambda: min(self._most_steps, self.refiner.step + max(0, int(left / pace))))
        self._make_steps(steps, "at first" if self.paced == "not yet" else "for good")
        self._logger.info("In %g minutes %d steps are made, %.2f s each", settings.minutes, steps, pace)

    def _make_steps(self, steps: int, paced: Literal["at first", "for good"] = "for good") -> None:
        self.refiner.settings, self.paced = self.refiner.settings.model_copy(update={"steps": steps}), paced

    def _reason_to_end(self) -> str:
        start, now, best = self.evaluations[0], self.evaluations[-1], self.best
        patience = self.refiner.settings.patience
        since = sum(one["step"] > best["step"] for one in self.evaluations)
        if patience is not None and since >= patience:
            step = f"{best['step']:.0f}"
            return Text(
                f"no better reward on the evaluation dialogues since step {step}",
                f"평가 대화의 보상이 스텝 {step} 뒤로 더 좋아지지 않았습니다",
            )
        if now["eval_facts_kept"] < _FACTS_FALL * start["eval_facts_kept"]:
            kept, before = (f"{one['eval_facts_kept']:.0%}" for one in (now, start))
            return Text(
                f"facts are lost while the reward rises: {kept} of the references' facts are kept, {before} at the "
                "start; raise refine.facts_weight",
                f"보상은 오르지만 사실이 사라집니다: 기준 요약의 사실 가운데 {kept}만 남았습니다(시작할 때 {before}). "
                "refine.facts_weight를 높이세요",
            )
        return ""

    def _refuse_broken(self, figures: dict[str, float]) -> None:
        broken = [name for name in ("reward", "entropy", "grad_norm") if not abs(figures[name]) < float("inf")]
        if broken:
            raise YoyakError(
                f"step {self.refiner.step}: {broken[0]} is not a number; go on from the checkpoint before it with "
                "--resume and a lower refine.learning_rate"
            )

    def _stop(self) -> None:
        """Save and leave, as a signal asked for."""
        folder, number = self._save(), self.agreed_signal or self._interrupt.number
        assert number is not None
        raise TrainingInterrupted(folder, self.refiner.step, number)

    def _log(self, line: dict[str, float]) -> None:
        if not is_first_rank():
            return
        with appending(self._metrics) as file:
            file.write(json.dumps(line) + "\n")

    def _folder(self, step: int) -> Path:
        return self.run_dir / "checkpoints" / f"checkpoint-{step}"

    def _save(self) -> Path:
        """Write a checkpoint of the state as it is; return its folder. Of older ones the best one stays."""
        root, step = self.run_dir / "checkpoints", self.refiner.step
        best = int(self.best["step"]) if self.evaluations else None

        def write() -> Path:
            checkpoint = write_checkpoint(root, step, self._write_state, best)
            remove_others(root, steps_to_keep(saved_steps(root), best, _KEPT))
            return checkpoint.folder

        return agreed(write)  # the others wait for the one that writes

    def _write_state(self, folder: Path) -> None:
        settings = self.refiner.settings
        tensors, facts = optimizer_state(self.refiner.optimizer)
        for name, weights in ((_WEIGHTS, self.refiner.parameters), (_AVERAGE, self.refiner.average.values)):
            values = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
            safetensors.torch.save_file(values, folder / name)
        safetensors.torch.save_file(tensors, folder / _OPTIMIZER)
        with self._metrics.open("rb") as file:
            os.fsync(file.fileno())
        state = {
            "facts": self.facts | ({"processes": rank_count()} if rank_count() > 1 else {}),
            "optimizer": facts,
            "evaluations": self.evaluations,
            "seconds": self.seconds,
            "steps": None if self.paced == "not yet" else settings.steps,
            "paced": self.paced,
            "micro_batch_tokens": self.refiner.micro_batch_tokens,
            "kept_layers": self.refiner.decoder.kept_layers,
            "rows": self.refiner.rows,
            "leaves_onednn": leaves_onednn(),
            "metrics_bytes": self._metrics.stat().st_size,
        }
        (folder / f"{STATE}.json").write_text(json.dumps(state), encoding="utf-8")

    def _go_on(self, checkpoint: Checkpoint) -> None:
        state = checkpoint.read_json(f"{STATE}.json")
        for name, weights in ((_WEIGHTS, self.refiner.parameters), (_AVERAGE, self.refiner.average.values)):
            copy_into(weights, safetensors.torch.load_file(checkpoint.folder / name))
        tensors = safetensors.torch.load_file(checkpoint.folder / _OPTIMIZER)
        restore_optimizer(self.refiner.optimizer, tensors, state["optimizer"])
        self.refiner.step = checkpoint.step
        self._use_room(state)
        self.evaluations, self.seconds = state["evaluations"], state["seconds"]
        if steps := state.get("steps"):
            self._make_steps(steps, state.get("paced", "for good"))  # older versions decided once
        if self._metrics.exists() and is_first_rank():
            os.truncate(self._metrics, min(state["metrics_bytes"], self._metrics.stat().st_size))

    def _use_room(self, state: Facts) -> None:
        """Compute and draw as many at a time as before: products of other sizes round otherwise."""
        refiner = self.refiner
        planned = refiner.micro_batch_tokens, refiner.decoder.kept_layers
        room = state["micro_batch_tokens"], state.get("kept_layers", planned[1])  # older versions kept the first alone
        if room != planned:
            refiner.use_room(*room)
        same = state["facts"].get("processes", 1) == rank_count()  # others draw other parts of a step
        rows = state.get("rows", refiner.rows) if same else refiner.rows
        if rows > refiner.rows:
            self._logger.warning(_FEWER_ROWS, refiner.rows, rows)
        else:
            refiner.rows = rows
        if state.get("leaves_onednn"):
            leave_onednn()
