"""A step of the trainer engine where several ranks share its examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...data.batches.bins import deal
from ...data.batches.padding import RightPadder
from ...data.prompt.templates import IGNORE
from ...errors import YoyakError

_SEEDS = 1 << 63


@dataclass(frozen=True)
class PaddedDeal:
    """The collator of a whole step: this rank's examples in padded micro-batches of similar lengths.

    Attributes:
        padder: pads a micro-batch.
        most: examples of a micro-batch.
        rank: of this process.
        ranks: how many share a step.
    """

    padder: RightPadder
    most: int
    rank: int
    ranks: int

    def __call__(self, items: Sequence[dict[str, torch.Tensor]]) -> dict[str, Any]:
        """Return `micro_batches`, the first example of each in `firsts`, the step's `target_tokens` and `tokens`.

        Besides `most_batches` that a rank has, and `blank`, a batch without a target.
        """
        lengths = [len(item["input_ids"]) for item in items]
        dealt = deal(lengths, self.ranks)
        own = dealt[self.rank]
        parts = [own[start : start + self.most] for start in range(0, len(own), self.most)]
        return {
            "micro_batches": [self.padder([items[index] for index in part]) for part in parts],
            "firsts": [part[0] for part in parts],
            "target_tokens": sum(int((item["labels"][1:] != IGNORE).sum()) for item in items),
            "tokens": sum(lengths),
            "most_batches": max(-(-len(its) // self.most) for its in dealt),
            "blank": self.padder([blank(min(items, key=lambda item: len(item["input_ids"])))]),
        }


def add_dealt_gradients(trainer: Any, model: nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
    """Add the gradients of this rank's part of a step by a `ResponseTrainer`; return its share of the step's loss.

    Where weights are cut over the ranks, all of them make as many passes, so that each finds the others' parts.

    What torch draws (dropout, NEFTune) depends on seed, step and the micro-batch's first example, not on what came
    before, so that a run goes on exactly without each rank's random state. Where memory runs out, the part is repeated
    in smaller micro-batches.
    """
    batches = inputs["micro_batches"]

    def work() -> torch.Tensor:
        total = torch.zeros((), device=trainer.args.device)
        for first, batch in zip(inputs["firsts"], batches, strict=True):
            for number, part in enumerate(trainer.room.parts(batch)):
                torch.manual_seed(_seed(trainer.args.seed, trainer.state.global_step, first + number))
                total += trainer.add_gradients(model, part, inputs["target_tokens"])
        if trainer.is_cut:
            for _ in range(len(batches), inputs["most_batches"]):
                trainer.add_gradients(model, inputs["blank"], inputs["target_tokens"])
        return total

    def make_room() -> None:
        if trainer.is_cut:
            raise out_of_memory_when_cut()
        trainer.room.halve(max(batches, key=lambda batch: len(batch["input_ids"])), "training")
        model.zero_grad()

    loss: torch.Tensor = trainer.room.repeated(work, make_room)
    return loss


def blank(item: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return an example without a target, whose loss and gradients are zero."""
    return item | {"labels": torch.full_like(item["labels"], IGNORE)}


def out_of_memory_when_cut() -> YoyakError:
    """Return the error of a rank whose memory is full where all must make the same passes, so that none is repeated."""
    return YoyakError(
        "out of memory with weights that are cut over the ranks, where no step can be repeated in smaller parts; lower "
        "training.batch_size or training.micro_batch_tokens, set training.gradient_checkpointing=true, or use more GPUs"
    )


def _seed(*parts: int) -> int:
    """Return one number for seed, step and example."""
    number = 0
    for part in parts:
        number = (number * 0x9E3779B97F4A7C15 + part + 1) % _SEEDS
    return number
