"""Cross entropy on the response positions only, in chunks: logits are the largest tensor of a summarizer's step."""

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..data.prompt.templates import IGNORE
from ..models.causal_head import decoder_states, head_kind, position_logits, takes_positions

# Positions whose logits exist at a time: 1,024 x 128,256 in float32 are 0.5 GB.
_CHUNK = 1024
# The same of an evaluation on a CPU, in numbers, which exist twice: with a vocabulary of 262,144 a chunk takes 0.5 GB.
_CPU_LOGITS = 1 << 26


def response_loss(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, int]:
    """Return the summed loss over a batch's target tokens and their number.

    The decoder runs on all tokens; the head, with all that the model's class does around it (see `causal_head`), only
    on the positions whose next token is a target. No attention mask is passed: with right padding, causal attention
    alone keeps padding out of all real positions, and without a mask PyTorch takes its fast causal kernels.

    Args:
        model: a causal language model of transformers (without an adapter's outer wrapper).
        batch: `input_ids` and `labels`, int64 (batch, length), padded right.

    Returns:
        Sum of -log p in nats, a scalar of at least float32 with gradient; number of target tokens.
    """
    targets = batch["labels"][:, 1:]
    is_target = targets != IGNORE
    targets = targets[is_target]
    if head_kind(model) == "whole":
        return _cross_entropy(_whole_logits(model, batch["input_ids"], is_target), targets), len(targets)
    states = decoder_states(model, batch["input_ids"])[:, :-1][is_target]

    def chunk_loss(some_states: torch.Tensor, some_targets: torch.Tensor) -> torch.Tensor:
        return _cross_entropy(position_logits(model, some_states), some_targets)

    size = _CHUNK
    if states.is_cpu and not torch.is_grad_enabled():
        size = min(size, _CPU_LOGITS // len(model.get_input_embeddings().weight))
    if len(targets) <= size:
        return chunk_loss(states, targets), len(targets)
    total = states.new_zeros((), dtype=torch.float32)
    for some_states, some_targets in zip(torch.split(states, size), torch.split(targets, size), strict=True):
        if torch.is_grad_enabled():
            total = total + checkpoint(chunk_loss, some_states, some_targets, use_reentrant=False)
        else:
            total = total + chunk_loss(some_states, some_targets)
    return total, len(targets)


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return nn.functional.cross_entropy(logits, targets, reduction="sum")


def _whole_logits(model: Any, input_ids: torch.Tensor, is_target: torch.Tensor) -> torch.Tensor:
    """Return the targets' logits (targets, vocabulary) by a whole `forward`, of as few positions as it takes."""
    if not takes_positions(model):
        logits: torch.Tensor = model(input_ids=input_ids, use_cache=False).logits[:, :-1]
        return logits[is_target]
    places = torch.nonzero(is_target.any(0)).squeeze(1)
    some: torch.Tensor = model(input_ids=input_ids, use_cache=False, logits_to_keep=places).logits
    return some[is_target[:, places]]
