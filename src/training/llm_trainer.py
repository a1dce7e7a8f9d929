"""Training a causal language model to summarize, from a config."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback, TrainingArguments

from ..config.schema import Config
from ..data.batches.padding import RightPadder
from ..errors import MemoryFullError, YoyakError
from ..ranks.group import gathered, is_first_rank, rank_count, working_alone
from ..runs.disk import raise_if_disk_full
from .adapter_start import start_adapter
from .arguments import RunArguments, schedule_arguments
from .generation_score import rouge_sum
from .guards.deterministic import deterministic_kernels, raise_if_not_deterministic
from .guards.interrupts import StopOnSignal, TrainingInterrupted
from .guards.one_process import on_one_gpu, run_alone
from .logs.callbacks import MetricsWriter
from .logs.readings import RankReadings
from .logs.trackers import trackers
from .memory_plan import checkpointing_arguments
from .packed_step import PackedTrainer
from .pause import PauseAt, TrainingPaused
from .response_trainer import ResponseTrainer
from .several.cut_weights import cut_weights, whole_weights
from .several.sharding import CUT_OPTIMIZER, sharding_as_asked
from .state.checkpointed_trainer import STATE, EarlyStopping
from .state.checkpoints import Checkpoint
from .state.final_model import write_final_model
from .state.identity import refuse_another_run, refuse_other_ranks, run_identity
from .state.recovery import RecoverySaves
from .state.resolved import Resolved, agreed_by_all, resolve

_UNPAGED = "Optimizer: %s would page nothing that does not fit; %s computes the same without waiting for the GPU"


class LLMTrainer:
    """Trains `model` on encoded datasets and writes the run's folder, `<output_dir>/<experiment.name>/`."""

    def __init__(
        self,
        config: Config,
        model: Any,
        tokenizer: PreTrainedTokenizerFast,
        train_dataset: Any,
        eval_dataset: Any = None,
        *,
        callbacks: Sequence[TrainerCallback] = (),
        logger: logging.Logger | None = None,
        resume: Checkpoint | None = None,
        resolved: Resolved | None = None,
        pause: PauseAt | None = None,
    ) -> None:
        """Set up the Trainer; without `eval_dataset` nothing is evaluated and the last weights are kept.

        The model is from `LoRALoader`, with the adapter that trains, also where the run goes on from `resume`, one of
        its checkpoints. Further `callbacks` with `state_dict` and `load_state_dict` are saved with checkpoints.
        `resolved` is what `resolve` decided for this model, whose adapter has its start; by default it is asked here.
        `pause` says where the training is measured, and pauses.

        Raises:
            YoyakError: no examples, `resume` is of a run with other settings, data or model, or a launcher has started
                several processes that have not joined each other (`ranks.joining.one_of_several`).
        """
        if not len(train_dataset):
            raise YoyakError("no training examples; check data.train")
        self.config, self.model, self.tokenizer = config, model, tokenizer
        self.train_dataset = train_dataset
        self.eval_dataset = eval_dataset if eval_dataset is not None and len(eval_dataset) else None
        self.logger = logger or logging.getLogger("yoyak")
        run_alone(self.logger)
        self.resume = resume
        self.run_dir = config.experiment.run_dir
        earlier = resume.read_json(f"{STATE}.json")["facts"] if resume else None
        self._identity = run_identity(config, model, train_dataset, self.eval_dataset)
        refuse_other_ranks(self._identity)
        if earlier:
            refuse_another_run(self.run_dir, self._identity, earlier, config)
        if resolved is None:
            start_adapter(config, model, tokenizer, train_dataset, self.logger)
            decided = Resolved.from_dict(earlier["resolved"]) if earlier else None
            sharding = sharding_as_asked(config)
            resolved = resolve(
                config, model, train_dataset, self.eval_dataset, earlier=decided, sharding=sharding, logger=self.logger
            )
            resolved = agreed_by_all(resolved)
        self.resolved = resolved
        if resolved.cuts_weights:
            cut_weights(model, resolved.compute.device)
        self.trainer = self._create_trainer()
        self.interrupt = StopOnSignal(self.trainer)
        recovery = RecoverySaves(self.trainer, config.training.save_steps, config.training.save_minutes)
        self.pause = pause
        if pause is not None:
            pause.trainer = self.trainer
        for callback in (recovery, self.interrupt, *([pause] if pause else []), *callbacks):
            self.trainer.add_callback(callback)

    @property
    def best_metric(self) -> str:
        """Return the name under which the metric that decides is logged: `eval_loss` or `eval_rouge_sum`."""
        return "eval_" + self.config.training.metric_for_best_model.removeprefix("eval_")

    @property
    def generates(self) -> bool:
        """Tell whether summaries are generated in the training, since their score decides which weights are best."""
        return self.best_metric == "eval_rouge_sum" and self.eval_dataset is not None

    def _create_training_args(self) -> TrainingArguments:
        """Return the Trainer's arguments for the config on this machine."""
        training, compute = self.config.training, self.resolved.compute
        optimizer = self.resolved.optimizer(training.optim)
        if optimizer != training.optim:
            why = "%s needs CUDA; %s is used on the CPU" if compute.device == "cpu" else _UNPAGED
            self.logger.info(why, training.optim, optimizer)
        if self.resolved.cuts_weights and optimizer != CUT_OPTIMIZER:
            self.logger.info("%s is used in place of %s, since its states are cut too", CUT_OPTIMIZER, optimizer)
            optimizer = CUT_OPTIMIZER
        examples, accumulated = training.batch_size, training.gradient_accumulation_steps
        if self.resolved.engine.name == "packed" or rank_count() > 1:  # a batch is a whole optimizer step
            examples, accumulated = examples * accumulated, 1
        evaluates = self.eval_dataset is not None
        strategy = "steps" if training.eval_steps else "epoch"
        every: dict[str, Any] = {"eval_steps": training.eval_steps, "save_steps": training.eval_steps}
        arguments = RunArguments(
            output_dir=str(self.run_dir / "checkpoints"),
            num_train_epochs=training.epochs,
            max_steps=training.max_steps or -1,
            per_device_train_batch_size=examples,
            per_device_eval_batch_size=training.eval_batch_size or training.batch_size,
            gradient_accumulation_steps=accumulated,
            learning_rate=training.learning_rate,
            lr_scheduler_type=training.lr_scheduler_type,
            lr_scheduler_kwargs=schedule_arguments(training, len(self.train_dataset)),
            warmup_steps=training.warmup_ratio,
            weight_decay=training.weight_decay,
            max_grad_norm=training.max_grad_norm,
            optim=optimizer,
            bf16=compute.dtype == "bf16",
            fp16=compute.dtype == "fp16",
            use_cpu=compute.device == "cpu",
            **checkpointing_arguments(self.resolved.recomputes),
            neftune_noise_alpha=training.neftune_noise_alpha,
            seed=training.seed,
            data_seed=training.seed,
            eval_strategy=strategy if evaluates else "no",
            save_strategy=strategy,
            **(every if training.eval_steps else {}),
            load_best_model_at_end=evaluates,
            metric_for_best_model=self.best_metric if evaluates else None,
            greater_is_better=self.best_metric != "eval_loss" if evaluates else None,
            logging_steps=training.logging_steps,
            report_to=[],  # see `trackers`
            disable_tqdm=True,
            logging_nan_inf_filter=False,  # it waits for the GPU at each step, and hides a loss that is not a number
            remove_unused_columns=False,
            # The packed engine has pinned memory of its own.
            dataloader_pin_memory=compute.device == "cuda" and self.resolved.engine.name != "packed",
        )
        return on_one_gpu(arguments)

    def _create_trainer(self) -> ResponseTrainer:
        """Return the Trainer with the run's callbacks."""
        training, lora = self.config.training, self.config.lora
        scored = partial(rouge_sum, self.model, self.tokenizer, self.eval_dataset, self.config)
        arguments: dict[str, Any] = {
            "model": self.model,
            "args": self._create_training_args(),
            "train_dataset": self.train_dataset,
            "eval_dataset": self.eval_dataset,
            "data_collator": RightPadder.of(self.tokenizer),
            "processing_class": self.tokenizer,
            "loraplus_lr_ratio": lora.loraplus_lr_ratio,
            "rouge_sum": scored if self.generates else None,
            "max_bad_steps": training.max_bad_steps,
            "on_divergence": training.on_divergence,
            "examples_at_a_time": training.batch_size,
            "checkpoint_limit": training.save_total_limit,
            "facts": self._identity | {"resolved": self.resolved.as_dict()},
        }
        packed = self.resolved.engine.name == "packed"
        trainer = PackedTrainer(**arguments, resolved=self.resolved) if packed else ResponseTrainer(**arguments)
        trainer.remove_callback(PrinterCallback)
        readings = RankReadings(self.model.get_input_embeddings().weight.device)
        trainer.add_callback(readings)
        if is_first_rank():
            goes_on = self.resume is not None
            trainer.add_callback(MetricsWriter(self.run_dir / "metrics.jsonl", trainer, readings, goes_on))
            for tracker in trackers(self.config, self.run_dir, self.resume.step if self.resume else None):
                trainer.add_callback(tracker)
        if training.early_stopping_patience and self.eval_dataset is not None:
            trainer.add_callback(EarlyStopping(training.early_stopping_patience))
        return trainer

    def train(self) -> dict[str, Any]:
        """Train, keep the best weights by `training.metric_for_best_model`, write `final_model/`.

        Returns:
            `train_loss` (mean over the steps), `train_runtime` in seconds, `eval_metrics` of the kept weights,
            `model_path`; besides `steps`, `trained_tokens`, `samples_per_second`, `tokens_per_second` and
            `peak_memory_bytes` (the training's of CUDA's allocator, or the process's resident peak on a CPU).

        Raises:
            TrainingInterrupted: on Ctrl-C or SIGTERM, with the checkpoint that was written.
            TrainingPaused: where `pause` says.
            StoppedRunError: the steps or the loss had gone wrong, with the checkpoint that was written.
            YoyakError: the disk is full or can't be written any more, one example doesn't fit into memory, or an
                operation has no deterministic kernel though that is asked for.
        """
        self.trainer.begin_phase()  # of what loading, the probe and summaries before it have left
        self.trainer.peak.begin()
        try:
            with deterministic_kernels(self.resolved.deterministic):
                output = self.trainer.train(resume_from_checkpoint=str(self.resume.folder) if self.resume else None)
        except torch.OutOfMemoryError as error:
            peak = self.trainer.peak.bytes() / 1e9
            raise MemoryFullError(
                f"the GPU's memory is full (peak {peak:.1f} GB), and not by micro-batches; set "
                "training.optim=paged_adamw_8bit or training.gradient_checkpointing=true, or lower lora.r"
            ) from error
        except Exception as error:  # each library says in its own way that the disk is full
            raise_if_disk_full(error, self.run_dir)
            raise_if_not_deterministic(error)
            raise
        finally:
            self.interrupt.on_train_end()  # an error leaves out the Trainer's own call
        step, seconds = self.trainer.state.global_step, self.trainer.seconds_trained()
        if number := max(gathered(self.interrupt.number or 0)):  # a rank's signal may have come after the last step
            checkpoint = self.run_dir / "checkpoints" / f"checkpoint-{step}"
            raise TrainingInterrupted(checkpoint if checkpoint.is_dir() else None, step, number)
        if self.pause is not None and self.pause.paused:
            raise TrainingPaused(self.run_dir / "checkpoints" / f"checkpoint-{step}", step)
        self.trainer.guard.raise_if_gone_wrong(step, self.run_dir / "checkpoints")
        tokens = int(self.trainer.trained_tokens)
        return {
            "train_loss": float(output.training_loss) * step / (step - self.trainer.guard.now.bad_steps),
            "train_runtime": seconds,
            "eval_metrics": self._kept_metrics(),
            "model_path": str(self.save_final_model()),
            "steps": step,
            "trained_tokens": tokens,
            "samples_per_second": round(self.trainer.state.epoch * len(self.train_dataset)) / seconds,
            "tokens_per_second": tokens / seconds,
            "saving_seconds": self.trainer.saving_seconds,
            "peak_memory_bytes": max(gathered(self.trainer.peak.bytes())),
            "evaluation_seconds": self.trainer.evaluation_seconds,
            "memory_plan": self.resolved.as_dict()["memory_plan"],
        }

    def _kept_metrics(self) -> dict[str, float]:
        """Return the evaluation of the weights that were kept, from the log."""
        evaluations = [entry for entry in self.trainer.state.log_history if self.best_metric in entry]
        sign = 1 if self.best_metric == "eval_loss" else -1
        best: dict[str, float] = min(evaluations, key=lambda entry: sign * entry[self.best_metric], default={})
        return {name: value for name, value in best.items() if name.startswith("eval_")}

    def evaluate(self) -> dict[str, float]:
        """Return `eval_loss` (nats a target token), speed, and `eval_rouge_sum` where that decides."""
        if self.eval_dataset is None:
            raise YoyakError("no evaluation examples; check data.eval")
        metrics: dict[str, float] = self.trainer.evaluate()
        return metrics

    def save_final_model(self) -> Path:
        """Write `final_model/` (adapter or model, tokenizer, the config as `yoyak.yaml`); whole or not at all.

        Of several ranks the first writes; where weights are cut over them, all have to call it.
        """
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        weights = whole_weights(model) if self.trainer.is_cut else None
        if not is_first_rank():
            return self.run_dir / "final_model"
        with working_alone():
            return write_final_model(self.run_dir, model, self.tokenizer, self.config, weights)


def create_llm_trainer(
    config: Config,
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    train_dataset: Any,
    eval_dataset: Any = None,
    **options: Any,
) -> LLMTrainer:
    """Create a trainer; `options` are `LLMTrainer`'s keyword arguments."""
    return LLMTrainer(config, model, tokenizer, train_dataset, eval_dataset, **options)
