"""Hugging Face's Trainer with our loss, batches of similar length, and an evaluation that never gathers logits."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from torch import nn
from torch.utils.data import DataLoader, Sampler
from transformers.trainer_utils import EvalLoopOutput

from .checkpointed_trainer import CheckpointedTrainer
from .interrupts import left_on_stop
from .loss import response_loss


class SimilarLengthSampler(Sampler[int]):
    """Shuffled examples, sorted by length within blocks of 50 batches, the batches shuffled again.

    Padding is small, the longest batch comes first (an out-of-memory error shows at once), and each epoch has an order
    of its own that only the seed decides.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        """Keep lengths in tokens; nothing is drawn yet."""
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (from 0) whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Return the epoch's order of examples."""
        rng = random.Random(f"{self.seed}/{self.epoch}")
        order = list(range(len(self.lengths)))
        rng.shuffle(order)
        block = 50 * self.batch_size
        batches: list[list[int]] = []
        for start in range(0, len(order), block):
            part = sorted(order[start : start + block], key=lambda index: -self.lengths[index])
            batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        short = batches.pop() if len(batches[-1]) < self.batch_size else []
        rng.shuffle(batches)
        if batches:
            longest = max(range(len(batches)), key=lambda i: self.lengths[batches[i][0]])
            batches[0], batches[longest] = batches[longest], batches[0]
        self.epoch += 1
        return iter([index for batch in [*batches, short] for index in batch])


class ResponseTrainer(CheckpointedTrainer):
    """A Trainer whose loss is the sum over target tokens divided by the step's number of target tokens."""

    # The loss is normalized over the whole step here, so the Trainer must not divide by the accumulation steps.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        *args: Any,
        loraplus_lr_ratio: float | None = None,
        rouge_sum: Callable[[], float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the Trainer's arguments, LoRA+'s ratio of learning rates, and what scores generated summaries."""
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = True
        self.loraplus_lr_ratio, self.rouge_sum = loraplus_lr_ratio, rouge_sum

    def _causal_lm(self) -> nn.Module:
        model = self.accelerator.unwrap_model(self.model)
        causal_lm: nn.Module = model.get_base_model() if isinstance(model, PeftModel) else model
        return causal_lm

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the micro-batch's share of the step's mean loss per target token."""
        # The decoder is called past the wrapper that accelerate puts on `forward`, so autocast is entered here.
        with self.accelerator.autocast():
            total, targets = response_loss(self._causal_lm(), inputs)
        if model.training:
            self.trained_tokens += inputs["attention_mask"].sum()
        loss = total / (targets if num_items_in_batch is None else num_items_in_batch)
        return (loss, {}) if return_outputs else loss

    @left_on_stop
    def evaluation_loop(
        self,
        dataloader: DataLoader[Any],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Return the mean loss per target token over the whole set, and the ROUGE sum where it is asked for.

        Nothing but two numbers is kept.
        """
        start = time.perf_counter()
        self.model.eval()
        loss_sum, target_sum, examples = torch.zeros((), dtype=torch.float64), 0, 0
        for batch in dataloader:
            with torch.no_grad(), self.accelerator.autocast():
                total, targets = response_loss(self._causal_lm(), self._prepare_inputs(batch))
            loss_sum += total.double().cpu()
            target_sum += targets
            examples += len(batch["input_ids"])
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        metrics = {f"{metric_key_prefix}_loss": (loss_sum / max(target_sum, 1)).item()}
        if self.rouge_sum is not None:
            metrics[f"{metric_key_prefix}_rouge_sum"] = self.rouge_sum()
        self.evaluation_seconds += time.perf_counter() - start
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=examples)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return SimilarLengthSampler(_lengths(dataset), self.args.per_device_train_batch_size, self.args.seed)

    def _get_eval_sampler(self, eval_dataset: Any) -> list[int]:
        lengths = _lengths(eval_dataset)
        return sorted(range(len(lengths)), key=lambda index: -lengths[index])

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Return the configured optimizer; with LoRA+, B's learning rate is a multiple of A's."""
        if self.optimizer is None and self.loraplus_lr_ratio is not None:
            optimizer_class, arguments = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            self.optimizer = create_loraplus_optimizer(
                self.model,
                optimizer_class,
                loraplus_lr_ratio=self.loraplus_lr_ratio,
                loraplus_weight_decay=self.args.weight_decay,
                **arguments,
            )
        optimizer: torch.optim.Optimizer = super().create_optimizer()
        return optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the adapter (with the rows of added tokens, not the whole embedding table) or the whole model."""
        save_model(self.accelerator.unwrap_model(self.model), Path(output_dir or self.args.output_dir))


def save_model(model: Any, folder: Path) -> None:
    """Write adapter or model to `folder` as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        model.save_pretrained(str(folder), save_embedding_layers=False)
    else:
        model.save_pretrained(str(folder))


def _lengths(dataset: Any) -> list[int]:
    known = getattr(dataset, "lengths", None)
    return [int(n) for n in known] if known is not None else [len(item["input_ids"]) for item in dataset]
