"""Out of memory in training and its evaluation: the work is repeated in smaller micro-batches, which are kept.

Splitting changes no sum but the order of its terms: the gradients of the step are equal to rounding.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import torch

from ...data.batches.packing import MicroBatch, StepPacker, unpacked
from ...errors import MemoryFullError
from ...inference.batches import is_out_of_memory

T = TypeVar("T")
Batch = dict[str, torch.Tensor]


@dataclass
class MemoryRoom:
    """How much is computed at a time since memory ran out, and how often it did.

    Attributes:
        most: examples of a padded batch, or tokens of a packed micro-batch; None while memory has been enough.
        count: how often it was not.
        recomputes: whether the packed engine has given up keeping activations.
        is_of_others: whether memory that other processes held has been too little, not that of the device.
    """

    most: int | None = None
    count: int = 0
    recomputes: bool = False
    is_of_others: bool = False

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run starts from, as JSON."""
        return asdict(self)

    def forget(self) -> None:
        """Compute all at a time again."""
        self.most, self.recomputes, self.is_of_others = None, False, False

    def blame_others(self, are_to_blame: bool) -> None:
        """Remember whether memory that others held has been too little, now or before it was enough again."""
        self.is_of_others |= are_to_blame

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.most, self.count, self.recomputes = state["most"], state["count"], state["recomputes"]
        self.is_of_others = state.get("is_of_others", False)  # earlier versions did not ask

    def adopt(self, most: int | None, recomputes: bool) -> bool:
        """Compute as another rank has to since its memory ran out; tell whether that is anything new."""
        new = (most is not None and (self.most is None or most < self.most)) or (recomputes and not self.recomputes)
        if new:
            self.most = min((size for size in (self.most, most) if size), default=None)
            self.recomputes |= recomputes
            self.count += 1
        return new

    def repeated(self, work: Callable[[], T], make_room: Callable[[], None]) -> T:
        """Return what `work` does; each time that memory runs out, make room and do it again.

        Raises:
            RuntimeError: of `work`, for other reasons.
            MemoryFullError: of `make_room`, where nothing is left to split.
        """
        while True:
            try:
                return work()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # Here, and not above: an error under way would keep the tensors of the failed try alive.
            self.count += 1
            make_room()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def parts(self, batch: Batch) -> list[Batch]:
        """Return a padded batch in parts of at most `most` examples, each as wide as its longest one."""
        if self.most is None or len(batch["input_ids"]) <= self.most:
            return [batch]
        lengths = batch["attention_mask"].sum(1).tolist()
        chosen = [slice(start, start + self.most) for start in range(0, len(lengths), self.most)]
        return [{name: rows[part, : max(lengths[part])] for name, rows in batch.items()} for part in chosen]

    def halve(self, batch: Batch, what: str) -> None:
        """Compute half as many examples at a time as of `batch` now, and say so.

        Raises:
            MemoryFullError: it is one already.
        """
        now = min(len(batch["input_ids"]), self.most or len(batch["input_ids"]))
        if now == 1:
            raise MemoryFullError(
                f"out of memory in {what} with one example of {batch['input_ids'].shape[1]} tokens; set "
                "training.gradient_checkpointing=true or lora.use_qlora=true, or lower lora.r or "
                "tokenizer.encoder_max_len"
            )
        self.most = now // 2
        logging.getLogger("yoyak").warning(
            "Out of memory in %s with %d examples at a time; repeated and going on with %d", what, now, self.most
        )


class PackingPolicy(MemoryRoom):
    """How the packed engine's steps are packed: as planned, and in smaller micro-batches since memory ran out."""

    def __init__(self, planned: StepPacker, may_recompute: bool) -> None:
        """Begin as planned; `may_recompute` allows the last resort, to keep no activations."""
        super().__init__()
        self._planned, self._may_recompute = planned, may_recompute

    @property
    def packer(self) -> StepPacker:
        """Return what packs a step now."""
        return self._planned if self.most is None else replace(self._planned, micro_batch_tokens=self.most)

    def pack(self, items: Sequence[dict[str, torch.Tensor]]) -> dict[str, Any]:
        """Return a step, as `StepPacker` does."""
        return self.packer(items)

    def fitting(self, batches: list[MicroBatch]) -> list[MicroBatch]:
        """Return a step's micro-batches, packed anew where one is larger than memory has allowed since."""
        largest = max((len(batch.input_ids) for batch in batches), default=0)
        return batches if self.most is None or largest <= self.most else self._again(batches)

    def smaller(self, batches: list[MicroBatch]) -> list[MicroBatch]:
        """Return a step in micro-batches of half the tokens of its largest one, and say so; that size stays.

        Where each example has a micro-batch of its own, `recomputes` is set instead.

        Raises:
            MemoryFullError: nothing is left to split.
        """
        log, packer = logging.getLogger("yoyak"), self.packer
        largest = max(len(batch.input_ids) for batch in batches)
        if any(batch.count > 1 for batch in batches):
            half = min(largest, packer.micro_batch_tokens) // 2
            self.most = max(half - half % packer.multiple, packer.multiple)
            log.warning(
                "Out of memory in a micro-batch of %d tokens; the step is repeated, and the run goes on, with %d",
                largest,
                self.most,
            )
        elif self.recomputes or not self._may_recompute:
            raise MemoryFullError(
                f"out of memory with one example of {largest} tokens; "
                + ("" if self._may_recompute else "set training.gradient_checkpointing=true, or ")
                + "lower lora.r or tokenizer.encoder_max_len, or set lora.use_qlora=true"
            )
        else:
            self.recomputes = True
            log.warning(
                "Out of memory with one example of %d tokens; activations are computed again from here on", largest
            )
        return self._again(batches)

    def _again(self, batches: list[MicroBatch]) -> list[MicroBatch]:
        items = unpacked(batches)
        return self.packer.pack([*items.values()], [*items])
