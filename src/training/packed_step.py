"""Which engine trains, and the packed one: an optimizer step's examples in micro-batches without padding."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler

from ..config.schema import TrainingSettings
from ..data.packing import MicroBatch, StepPacker, unpacked
from ..errors import YoyakError
from ..models.captured_passes import CapturedPasses
from ..models.compute import ComputeChoice
from ..models.packed_decoder import PackedDecoder, packing_obstacle
from .memory_plan import MemoryPlan, plan_memory
from .response_trainer import ResponseTrainer

_MICRO_BATCH_TOKENS = {"cpu": 512, "cuda": 8192}
_MULTIPLE = 256  # on a GPU micro-batches are filled up to it, so that few shapes are captured
_SHARE_OF_FREE_MEMORY = 0.85  # for the allocator's peak; its slack, graphs and evaluation need the rest
_CAPTURED_TOKENS = 8192  # larger micro-batches keep the GPU busy without graphs


@dataclass(frozen=True)
class EngineChoice:
    """What computes the gradients of a run.

    Attributes:
        name: `packed` (`PackedTrainer`) or `trainer` (`ResponseTrainer`, padded batches under autograd).
        reason: why this one.
        micro_batch_tokens: most tokens of a micro-batch of the packed engine.
    """

    name: Literal["packed", "trainer"]
    reason: str
    micro_batch_tokens: int

    def resolved(self, training: TrainingSettings) -> dict[str, object]:
        """Return what a run's record says of it."""
        micro_batch: dict[str, object] = (
            {"micro_batch_tokens": self.micro_batch_tokens}
            if self.name == "packed"
            else {
                "micro_batch_examples": training.batch_size,
                "micro_batches_a_step": training.gradient_accumulation_steps,
            }
        )
        return {"engine": self.name, "engine_reason": self.reason, **micro_batch}


def choose_engine(training: TrainingSettings, model: Any, compute: ComputeChoice) -> EngineChoice:
    """Return the engine that `training.engine` asks for, or with `auto` the packed one wherever it can train the model.

    Raises:
        YoyakError: the packed engine is asked for, and can't.
    """
    tokens = training.micro_batch_tokens
    tokens = _MICRO_BATCH_TOKENS[compute.device] if tokens == "auto" else tokens
    if training.engine == "trainer":
        return EngineChoice("trainer", "as configured", tokens)
    obstacle = _obstacle(training, model, compute)
    if obstacle is None:
        return EngineChoice("packed", "as configured" if training.engine == "packed" else "the model allows it", tokens)
    if training.engine == "packed":
        raise YoyakError(f"training.engine = packed can't train this: {obstacle}; set training.engine=auto")
    return EngineChoice("trainer", f"the packed engine can't: {obstacle}", tokens)


def _obstacle(training: TrainingSettings, model: Any, compute: ComputeChoice) -> str | None:
    if compute.dtype == "fp16":
        return "fp16 needs a gradient scaler"
    if training.neftune_noise_alpha is not None:
        return "training.neftune_noise_alpha is set"
    return packing_obstacle(model)


class ShuffledSampler(Sampler[int]):
    """Every example once an epoch, in an order that only seed and epoch decide."""

    def __init__(self, examples: int, seed: int) -> None:
        """Keep the number of examples; nothing is drawn yet."""
        self.examples, self.seed, self.epoch = examples, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (from 0) whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of examples."""
        return self.examples

    def __iter__(self) -> Iterator[int]:
        """Return the epoch's order of examples."""
        order = list(range(self.examples))
        random.Random(f"{self.seed}/{self.epoch}").shuffle(order)
        self.epoch += 1
        return iter(order)


class PackedTrainer(ResponseTrainer):
    """A Trainer whose batch is a whole optimizer step, packed, with gradients by `PackedDecoder`.

    Everything around the gradients is the Trainer's; evaluation keeps its padded batches.
    """

    data_collator: Any  # the Trainer's own, which is untyped here
    size_names: ClassVar = ResponseTrainer.size_names | {"training": "micro_batch_tokens"}

    def __init__(self, *args: Any, packer: StepPacker, **kwargs: Any) -> None:
        """Take ResponseTrainer's arguments, without accumulation, and what packs a step's examples."""
        super().__init__(*args, **kwargs)
        self.packer = packer
        self.decoder = PackedDecoder(self.model)
        self.plan: MemoryPlan | None = None
        self.passes: CapturedPasses | None = None
        self.may_recompute = True  # where memory runs out with one example at a time

    def use_plan(self, plan: MemoryPlan) -> None:
        """Train on a GPU by a plan: the passes become CUDA graphs where micro-batches are small."""
        self.plan = plan
        self.decoder.kept_layers, self.decoder.keeps_inputs = plan.kept_layers, plan.keeps_inputs
        self.packer = replace(self.packer, micro_batch_tokens=plan.micro_batch_tokens, multiple=_MULTIPLE)
        if plan.micro_batch_tokens <= _CAPTURED_TOKENS:
            self.passes = CapturedPasses(self.decoder, plan.micro_batch_tokens)

    def load_faults_state(self, state: dict[str, Any]) -> None:
        """As `ResponseTrainer.load_faults_state`."""
        super().load_faults_state(state)
        if self.room.most is not None:
            self.packer = replace(self.packer, micro_batch_tokens=self.room.most)
        if self.room.count:
            self._use_room()

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of whole steps."""
        padder, self.data_collator = self.data_collator, self.packer  # the Trainer has one for both loaders
        try:
            loader: DataLoader[Any] = super().get_train_dataloader()
        finally:
            self.data_collator = padder
        return loader

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return ShuffledSampler(len(dataset), self.args.seed)

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Add the step's gradients to the adapters; return its mean loss per target token.

        Where memory runs out, the step is repeated in smaller micro-batches, which are kept for the steps to come.
        """
        batches: list[MicroBatch] = inputs["micro_batches"]
        if any(len(batch.input_ids) > (self.room.most or len(batch.input_ids)) for batch in batches):
            batches = self.packer(unpacked(batches))["micro_batches"]

        def make_room() -> None:
            nonlocal batches
            self.packer = self.room.halve_packed(self.packer, batches, self.may_recompute)
            batches = self.packer(unpacked(batches))["micro_batches"]
            self._use_room()
            model.zero_grad()  # a step begins without gradients: its only call is this one

        loss = self.room.repeated(lambda: self._add_gradients(batches, inputs["target_tokens"]), make_room)
        self.trained_tokens += sum(batch.tokens for batch in batches)
        return self.guard.seen(loss)

    def _use_room(self) -> None:
        """Compute as `room` says; graphs are made anew, since theirs is the memory of the old size."""
        if self.room.recomputes:
            self.decoder.kept_layers, self.decoder.keeps_inputs = 0, False
        if self.passes is not None:
            self.passes = None  # frees its memory before the new one takes some
            self.passes = CapturedPasses(self.decoder, self.packer.micro_batch_tokens)

    def _add_gradients(self, batches: list[MicroBatch], target_tokens: int) -> torch.Tensor:
        dropout_key = (self.args.seed, self.state.global_step)
        total = torch.zeros((), device=self.args.device)
        for index, batch in enumerate(batches):
            on_device = batch.to(self.args.device)
            passes = self.passes if self.passes is not None and self.passes.fits(on_device) else None
            total += self.decoder.add_gradients(on_device, target_tokens, dropout_key, passes, new_step=index == 0)
        return total / target_tokens


def plan_run(trainer: PackedTrainer, training: TrainingSettings) -> MemoryPlan:
    """Return the plan of a run on a GPU, within `training.memory_budget_gb` or what the card has free.

    Raises:
        YoyakError: not even the smallest micro-batch fits.
    """
    free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
    budget = training.memory_budget_gb * 1e9 if training.memory_budget_gb else _SHARE_OF_FREE_MEMORY * free
    tokens = None if training.micro_batch_tokens == "auto" else training.micro_batch_tokens
    plan = plan_memory(trainer.decoder, budget, tokens, training.gradient_checkpointing)
    if plan is None:
        where = "training.memory_budget_gb" if training.memory_budget_gb else "the GPU's free memory"
        raise YoyakError(
            f"{where} = {budget / 1e9:.1f} GB: no micro-batch fits; raise it, lower training.micro_batch_tokens or "
            "lora.r, or set training.gradient_checkpointing=true"
        )
    return plan
