"""The packed engine: an optimizer step's examples in micro-batches without padding."""

import logging
from typing import Any, ClassVar

import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler

from ..data.batches.bins import CAPTURED_TOKENS, SIDE_BY_SIDE, filled_multiple
from ..data.batches.packing import MicroBatch, StepPacker
from ..decoder.captured_passes import CapturedPasses
from ..decoder.packed_decoder import PackedDecoder
from ..decoder.side_by_side import SideBySide, runs_side_by_side
from ..ranks.group import gathered, own_rank, rank_count
from .guards.memory_back import PlannedMemory
from .guards.out_of_memory import PackingPolicy
from .memory_plan import common_tokens
from .packed_evaluation import packed_loss
from .prepared_adamw import prepared
from .response_trainer import ResponseTrainer, lengths_of
from .samplers import ShuffledSampler
from .several.dealt_step import out_of_memory_when_cut
from .state.resolved import Resolved
from .step_copies import StepCopies

_NORM_VALUES = 1 << 25  # at a time: the CPU's norm of bf16 copies them to float32


class PackedTrainer(ResponseTrainer):
    """A Trainer whose batch is a whole optimizer step, packed, with gradients by `PackedDecoder`.

    Everything around the gradients is the Trainer's. The evaluation loss is computed by the decoder too, but where
    weights are cut, since all ranks have to make as many passes, and where frozen products are in fp8, whose rounding
    is no part of the model.
    """

    room: PackingPolicy
    size_names: ClassVar = ResponseTrainer.size_names | {"training": "micro_batch_tokens"}

    def __init__(self, *args: Any, resolved: Resolved, **kwargs: Any) -> None:
        """Take ResponseTrainer's arguments, without accumulation, and what the run has decided.

        By a plan for a GPU the passes become CUDA graphs where micro-batches are small.
        """
        super().__init__(*args, **kwargs)
        engine, plan = resolved.engine, resolved.memory_plan
        kept, keeps_inputs = (plan.kept_layers, plan.keeps_inputs) if plan else (None, True)
        self.decoder = PackedDecoder(self.model, kept, keeps_inputs, engine.float8)
        self._planned_keeping = self.decoder.kept_layers, self.decoder.keeps_inputs
        alone = self.decoder.shared is None  # a layer's weights are there for one micro-batch at a time
        self.side_by_side = SideBySide(self.decoder) if alone and runs_side_by_side(self.decoder) else None
        tokens = plan.micro_batch_tokens if plan else engine.micro_batch_tokens
        packer = StepPacker(
            tokens,
            multiple=filled_multiple(tokens) if plan else 1,
            filler_id=self.data_collator.pad_token_id,
            shared=common_tokens(self.train_dataset) if plan is None or plan.shares_beginning else 0,
            side_by_side=SIDE_BY_SIDE if self.side_by_side else 1,
            rank=own_rank(),
            ranks=rank_count(),
        )
        self.room = PackingPolicy(packer, resolved.recomputes)
        # Of several ranks all would have to look at the same step.
        self.planned_memory = PlannedMemory(plan.device_bytes) if plan and rank_count() == 1 else None
        captures = alone and plan is not None and tokens <= CAPTURED_TOKENS and self.decoder.captures
        self.passes = CapturedPasses(self.decoder, tokens) if captures else None
        self.copies = StepCopies(self.args.device)
        self.evaluates = alone and not engine.float8
        if self.evaluates and self.eval_dataset is not None and len(self.eval_dataset):
            # As many as fill a micro-batch in the mean, but some for each rank; memory asks for no fewer.
            count = len(self.eval_dataset)
            filling = min(-(-tokens * count // sum(lengths_of(self.eval_dataset))), -(-count // rank_count()))
            self.args.per_device_eval_batch_size = max(self.args.per_device_eval_batch_size, filling)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer's, whose steps end with `model.zero_grad()`: that walks through all modules, for 10 ms."""
        self.model.zero_grad = self.decoder.gradients.reset
        try:
            return super().train(*args, **kwargs)
        finally:
            del self.model.zero_grad

    def load_faults_state(self, state: dict[str, Any]) -> None:
        """As `ResponseTrainer.load_faults_state`."""
        super().load_faults_state(state)
        if self.room.count:
            self.use_room()

    def step_collator(self) -> Any:
        """As `ResponseTrainer.step_collator`: a batch always is a whole step."""
        return self.room.pack

    def get_train_dataloader(self) -> DataLoader[Any]:
        """As the base class, but a step's micro-batches stay on the CPU: `copies` takes them to a GPU together."""
        loader = super().get_train_dataloader()
        loader.device = None  # accelerate's, which moves what it yields
        return loader

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """As the base class, but batches that are packed anew stay on the CPU until they are."""
        loader: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
        if self.evaluates:
            loader.device = None
        return loader

    def batch_loss(self, batch: dict[str, Any]) -> tuple[torch.Tensor, int]:
        """As the base class, without padding and by the decoder that trains, where that `evaluates`."""
        return packed_loss(self.decoder, self.room.packer, batch) if self.evaluates else super().batch_loss(batch)

    @staticmethod
    def get_optimizer_cls_and_kwargs(args: Any, model: Any = None) -> tuple[Any, Any]:
        """As the Trainer's, with an AdamW that knows that the gradients stay where they are."""
        kind, options = ResponseTrainer.get_optimizer_cls_and_kwargs(args, model)
        return prepared(kind, options), options

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return ShuffledSampler(len(dataset), self.args.seed)

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Add the step's gradients; return its mean loss per target token.

        Where memory runs out, the step is repeated in smaller micro-batches, which are kept for the steps to come; but
        where others held that memory, only until it is back.
        """
        if self.room.is_of_others and self.planned_memory and self.planned_memory.is_back():
            self.room.forget()
            self.use_room()
            logging.getLogger("yoyak").info(
                "Memory that others held is free again: micro-batches of %d tokens from here on",
                self.room.packer.micro_batch_tokens,
            )
        batches = self.room.fitting(inputs["micro_batches"])

        def make_room() -> None:
            nonlocal batches
            if self.decoder.shared is not None:
                raise out_of_memory_when_cut()
            batches = self.room.smaller(batches)
            self.room.blame_others(self.planned_memory is not None and self.planned_memory.is_taken())
            self.use_room()
            model.zero_grad()  # a step begins without gradients: its only call is this one

        loss = self.room.repeated(lambda: self._add_gradients(batches, inputs["target_tokens"]), make_room)
        self.trained_tokens += inputs["tokens"]
        return self.guard.seen(self.met(loss))

    def gradients(self) -> list[torch.Tensor]:
        """Return the buffer that holds all of them."""
        return [self.decoder.gradients.flat]

    def use_room(self) -> None:
        """Compute as `room` says. Graphs are captured anew: the old ones hold memory for the old size."""
        keeping = (0, False) if self.room.recomputes else self._planned_keeping
        self.decoder.kept_layers, self.decoder.keeps_inputs = keeping
        if self.passes is not None:
            self.passes = None  # frees its memory before the new one takes some
            self.passes = CapturedPasses(self.decoder, self.room.packer.micro_batch_tokens)

    def _add_gradients(self, batches: list[MicroBatch], target_tokens: int) -> torch.Tensor:
        dropout_key = (self.args.seed, self.state.global_step)
        if self.side_by_side is not None and len(batches) > 1:
            return self.side_by_side.add_gradients(batches, target_tokens, dropout_key) / target_tokens
        total = torch.zeros((), device=self.args.device)
        # Asked before the first pass: a rank that waits here after its last one would let those of the others wait.
        most = len(batches) if self.decoder.shared is None else max(gathered(len(batches)))
        if not batches:  # of several ranks, one may have none
            self.decoder.begin_step(dropout_key)
        for index, on_device in enumerate(self.copies(batches)):
            passes = self.passes if self.passes is not None and self.passes.fits(on_device) else None
            total += self.decoder.add_gradients(on_device, target_tokens, dropout_key, passes, new_step=index == 0)
        if self.decoder.shared is not None:
            for _ in range(len(batches), most):
                self.decoder.shared.pass_through()
        return total / target_tokens

    def _clipped_norm(self, model: nn.Module) -> torch.Tensor:
        """As the Trainer's, in a few operations, since all gradients lie in one buffer."""
        gradients = self.decoder.gradients.flat
        dtype = torch.promote_types(gradients.dtype, torch.float32)
        parts = [torch.linalg.vector_norm(part, dtype=dtype) for part in torch.split(gradients, _NORM_VALUES)]
        norm: torch.Tensor = torch.linalg.vector_norm(torch.stack(parts))
        gradients.mul_(torch.clamp(self.args.max_grad_norm / (norm + 1e-6), max=1.0))
        return norm

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Return 0: the Trainer counts all parameters of the model anew at each step, for a figure nobody reads."""
        return 0
