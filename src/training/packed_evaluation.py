"""The evaluation loss by the packed engine: no padding, what examples begin with once, and no activations kept."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..data.batches.packing import StepPacker
from ..data.prompt.templates import IGNORE
from ..decoder.packed_decoder import PackedDecoder

Item = dict[str, torch.Tensor]


@torch.no_grad()
def packed_loss(decoder: PackedDecoder, packer: StepPacker, batch: Item) -> tuple[torch.Tensor, int]:
    """Return the summed loss of a padded batch's targets in nats, in float64 on the CPU, and their number.

    The weights are as they are now, without dropout; micro-batches are no larger than those of the training, whose
    beginnings are shared where the training's are.
    """
    device = decoder.embeddings.weight.device
    items = without_padding(batch)
    shared = common_beginning(items) if packer.shared else 0
    packer = replace(packer, multiple=1, shared=shared, side_by_side=1)
    total, targets = torch.zeros((), dtype=torch.float64), 0
    kept = decoder.kept_layers, decoder.keeps_inputs
    decoder.kept_layers, decoder.keeps_inputs = 0, False
    try:
        decoder.refresh(dropping=False)
        for micro_batch in packer.pack(items, range(len(items))):
            if len(micro_batch.targets):
                total += decoder.token_losses(micro_batch.to(device)).double().sum().cpu()
                targets += len(micro_batch.targets)
    finally:
        decoder.kept_layers, decoder.keeps_inputs = kept
    return total, targets


def without_padding(batch: Item) -> list[Item]:
    """Return a batch's examples, as a dataset has them, on the CPU."""
    ids, labels, lengths = (batch[name].cpu() for name in ("input_ids", "labels", "attention_mask"))
    return [
        {"input_ids": ids[row, :length], "labels": labels[row, :length]}
        for row, length in enumerate(lengths.sum(1).tolist())
    ]


def common_beginning(items: Sequence[Item]) -> int:
    """Return how many tokens all of several examples begin with, less than stand before the first target of any."""
    if len(items) < 2:
        return 0
    before = [int(torch.argmax((item["labels"] != IGNORE).int())) for item in items]
    most = max(min(before) - 1, 0)
    rows = torch.stack([item["input_ids"][:most] for item in items])
    differs = (rows != rows[0]).any(0)
    return int(torch.argmax(differs.int())) if differs.any() else most
