"""Hugging Face's Trainer with our loss, batches of similar length, and an evaluation that never gathers logits."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from torch import nn
from torch.utils.data import DataLoader, Sampler
from transformers.trainer_utils import EvalLoopOutput

from ..data.prompt.templates import IGNORE
from ..models.causal_head import without_wrapper
from ..models.cpu_memory import give_back_freed_memory
from ..models.shared_layers import shared_layers_of
from ..ranks.group import add_up, gathered, library_meeting, own_rank, rank_count
from .guarded_trainer import GuardedTrainer
from .guards.interrupts import EvaluationStopped, left_on_stop
from .loss import response_loss
from .peak_memory import PeakMemory
from .samplers import SimilarLengthSampler
from .several.cut_weights import clip_cut_gradients
from .several.dealt_step import PaddedDeal, add_dealt_gradients, blank, out_of_memory_when_cut
from .several.exchange import StepExchange
from .state.final_model import save_model


class ResponseTrainer(GuardedTrainer):
    """A Trainer whose loss is the sum over target tokens divided by the step's number of target tokens.

    Attributes:
        in_step: whether weights are cut over the ranks, so that all have to make as many passes.
        peak: of the memory that training and evaluation take.
    """

    # The loss is normalized over the whole step here, so the Trainer must not divide by the accumulation steps.
    loss_is_scaled_for_ga = True

    data_collator: Any  # the Trainer's own, which is untyped here

    def __init__(
        self,
        *args: Any,
        loraplus_lr_ratio: float | None = None,
        rouge_sum: Callable[[], float] | None = None,
        examples_at_a_time: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the base class's arguments, LoRA+'s ratio, and what scores generated summaries.

        With several ranks a batch is a whole step, whose micro-batches have `examples_at_a_time`.
        """
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = True
        self.loraplus_lr_ratio, self.rouge_sum = loraplus_lr_ratio, rouge_sum
        self._earlier: tuple[int, list[dict[str, Any]]] = (-1, [])  # a step's number, and its micro-batches so far
        self.peak = PeakMemory()
        self.examples_at_a_time = examples_at_a_time or self.args.per_device_train_batch_size
        self.exchange = StepExchange(self.args.device) if rank_count() > 1 else None
        self.in_step = self.is_cut or shared_layers_of(self.model) is not None

    def _causal_lm(self) -> nn.Module:
        causal_lm: nn.Module = without_wrapper(self.accelerator.unwrap_model(self.model))
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
        loss = total / (targets if num_items_in_batch is None else num_items_in_batch)
        return (loss, {}) if return_outputs else loss

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Add a micro-batch's gradients; return its share of the step's loss.

        Where memory runs out, the step's gradients are dropped and its micro-batches repeated, each in smaller parts.
        """
        if self.exchange is not None:
            loss = add_dealt_gradients(self, model, inputs)
            self.trained_tokens += inputs["tokens"]
            return self.guard.seen(self.met(loss))
        if self._earlier[0] != self.state.global_step:
            self._earlier = (self.state.global_step, [])
        earlier = self._earlier[1]
        if num_items_in_batch is None:
            num_items_in_batch = int((inputs["labels"][:, 1:] != IGNORE).sum())
        again: list[dict[str, Any]] = []

        def work() -> torch.Tensor:
            for batch in [*again, inputs]:
                losses = [self.add_gradients(model, part, num_items_in_batch) for part in self.room.parts(batch)]
            total: torch.Tensor = sum(losses[1:], losses[0])
            return total

        def make_room() -> None:
            self.room.halve(inputs, "training")
            model.zero_grad()
            again[:] = earlier

        loss = self.room.repeated(work, make_room)
        earlier.append(inputs)
        self.trained_tokens += inputs["attention_mask"].sum()
        return self.guard.seen(loss)

    def add_gradients(self, model: nn.Module, inputs: dict[str, Any], targets: torch.Tensor | int) -> torch.Tensor:
        """Add a padded batch's gradients; return its share of the loss of a step of so many target tokens."""
        with self._pass():
            loss: torch.Tensor = super().training_step(model, inputs, targets)
        return loss

    def _pass(self) -> AbstractContextManager[None]:
        """Return what a pass through the model is made in: FSDP2 meets the other ranks in it."""
        return library_meeting() if self.is_cut else nullcontext()

    def met(self, loss: torch.Tensor) -> torch.Tensor:
        """Return a step's loss over all ranks, whose gradients are added up, and heed what they tell."""
        if self.exchange is None:
            return loss
        room = self.room
        loss = self.exchange.meet(self.gradients(), loss, self.stop_signal, room.most, room.recomputes)
        told = self.exchange.notices
        self.agreed_signal = self.agreed_signal or told.signal
        if room.adopt(told.most, told.recomputes):
            logging.getLogger("yoyak").warning("Out of memory on another rank; all go on with %s at a time", room.most)
            self.use_room()
        return loss

    def gradients(self) -> list[torch.Tensor]:
        """Return the gradients of all that trains, zeros where this rank has computed none; none that are cut."""
        if self.is_cut:  # FSDP2 adds them up
            return []
        for parameter in self._trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return [parameter.grad for parameter in self._trained if parameter.grad is not None]

    def load_faults_state(self, state: dict[str, Any]) -> None:
        """As `GuardedTrainer.load_faults_state`, but where all ranks make the same passes none splits its batches."""
        super().load_faults_state(state)
        if self.in_step:
            self.evaluation_room.forget()
        if self.is_cut:
            self.room.forget()

    def begin_phase(self) -> None:
        """On a CPU, give back what was freed: the blocks of what comes next seldom fit where those before it lay.

        Once for a training and twice for an evaluation, whose pages are then taken anew; not for a step.
        """
        if self.args.device.type == "cpu":
            give_back_freed_memory()

    def use_room(self) -> None:
        """Compute as `room` says, which other ranks have changed; padded batches are split anew each time."""

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
        self.begin_phase()
        self.model.eval()
        loss_sum, target_sum, examples = torch.zeros((), dtype=torch.float64), 0, 0
        for batch in self._as_many_on_all_ranks(dataloader):
            if self.stop_requested and self.exchange is not None and not self.in_step:
                break
            for total, targets in self._part_losses(batch):
                loss_sum += total
                target_sum += targets
            examples += int((batch["labels"] != IGNORE).any(1).sum())
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        if self.exchange is not None:
            sums = torch.tensor([loss_sum, target_sum, examples, self.stop_requested], dtype=torch.float64)
            add_up([sums])
            loss_sum, target_sum, examples = sums[0], int(sums[1]), int(sums[2])
            if sums[3] and self.is_in_train:
                raise EvaluationStopped
        metrics = {f"{metric_key_prefix}_loss": (loss_sum / max(target_sum, 1)).item()}
        if self.rouge_sum is not None:
            with self.peak.left_out():
                metrics[f"{metric_key_prefix}_rouge_sum"] = self.rouge_sum()
        self.begin_phase()
        self.evaluation_seconds += time.perf_counter() - start
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=examples)

    def _as_many_on_all_ranks(self, batches: DataLoader[Any]) -> Iterator[dict[str, Any]]:
        """Yield batches, and where weights are cut so many without a target that all ranks have the same number."""
        most = max(gathered(len(batches))) if self.in_step else len(batches)
        yield from batches
        if most > len(batches):
            yield from [self.data_collator([blank(self.eval_dataset[0])])] * (most - len(batches))

    def _part_losses(self, batch: dict[str, Any]) -> list[tuple[torch.Tensor, int]]:
        """Return summed loss and targets of a batch, in as many parts as memory asks for."""

        def work() -> list[tuple[torch.Tensor, int]]:
            return [self.batch_loss(part) for part in self.evaluation_room.parts(batch)]

        room = self.evaluation_room

        def make_room() -> None:
            if self.in_step:
                raise out_of_memory_when_cut()
            room.halve(batch, "evaluation")

        return room.repeated(work, make_room)

    def batch_loss(self, batch: dict[str, Any]) -> tuple[torch.Tensor, int]:
        """Return the summed loss of a padded batch's targets, in float64 on the CPU, and their number."""
        inputs = self._prepare_inputs(batch)
        with torch.no_grad(), self.accelerator.autocast(), self._pass():
            total, targets = response_loss(self._causal_lm(), inputs)
        return total.double().cpu(), targets

    def step_collator(self) -> Any:
        """Return what makes a batch of a whole step's examples; None where a batch is a micro-batch."""
        if self.exchange is None:
            return None
        return PaddedDeal(self.data_collator, self.examples_at_a_time, own_rank(), rank_count())

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of micro-batches, or of whole steps."""
        padder: Any = self.data_collator  # the Trainer has one for both loaders
        self.data_collator = self.step_collator() or padder
        try:
            loader: DataLoader[Any] = super().get_train_dataloader()
        finally:
            self.data_collator = padder
        return loader

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return SimilarLengthSampler(lengths_of(dataset), self.examples_at_a_time, self.args.seed)

    def _get_eval_sampler(self, eval_dataset: Any) -> list[int]:
        """Return the order of the examples, the longest first; of several ranks each has every so many-th batch."""
        lengths, size = lengths_of(eval_dataset), self.args.per_device_eval_batch_size
        order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
        return [index for place, index in enumerate(order) if place // size % rank_count() == own_rank()]

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

    def _clipped_norm(self, model: nn.Module) -> torch.Tensor:
        if self.is_cut:
            return clip_cut_gradients(self._trained, self.args.max_grad_norm)
        return super()._clipped_norm(model)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Return the Trainer's figure for a micro-batch, and 0 for a step's part, which it does not know."""
        return 0 if self.exchange is not None else int(super().floating_point_ops(inputs))

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the adapter (with rows of added tokens, not the whole table), or the whole model and its tokenizer."""
        model, folder = self.accelerator.unwrap_model(self.model), Path(output_dir or self.args.output_dir)
        save_model(model, folder, state_dict)
        if not isinstance(model, PeftModel) and self.processing_class is not None:
            self.processing_class.save_pretrained(folder)


def lengths_of(dataset: Any) -> list[int]:
    """Return the tokens of each example."""
    known = getattr(dataset, "lengths", None)
    return [int(n) for n in known] if known is not None else [len(item["input_ids"]) for item in dataset]
