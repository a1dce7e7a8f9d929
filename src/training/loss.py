"""Cross entropy on the response positions only, in chunks: logits are the largest tensor of a summarizer's step."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..data.templates import IGNORE

# Positions whose logits exist at a time: 1,024 x 128,256 in float32 are 0.5 GB.
_CHUNK = 1024


def response_loss(model: nn.Module, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, int]:
    """Return the summed loss over a batch's target tokens and their number.

    The decoder runs on all tokens; the head only on the positions whose next token is a target. No attention mask is
    passed: with right padding, causal attention alone keeps padding out of all real positions, and without a mask
    PyTorch takes its fast causal kernels.

    Args:
        model: a causal language model of transformers (without an adapter's outer wrapper).
        batch: `input_ids` and `labels`, int64 (batch, length), padded right.

    Returns:
        Sum of -log p in nats, a scalar of at least float32 with gradient; number of target tokens.
    """
    decoder, head = model.get_decoder(), model.get_output_embeddings()  # type: ignore[operator]
    hidden = decoder(input_ids=batch["input_ids"], use_cache=False)[0]
    targets = batch["labels"][:, 1:]
    is_target = targets != IGNORE
    states, targets = hidden[:, :-1][is_target], targets[is_target]

    def chunk_loss(some_states: torch.Tensor, some_targets: torch.Tensor) -> torch.Tensor:
        logits = head(some_states)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return nn.functional.cross_entropy(logits, some_targets, reduction="sum")

    if len(targets) <= _CHUNK:
        return chunk_loss(states, targets), len(targets)
    total = states.new_zeros((), dtype=torch.float32)
    for some_states, some_targets in zip(torch.split(states, _CHUNK), torch.split(targets, _CHUNK), strict=True):
        if torch.is_grad_enabled():
            total = total + checkpoint(chunk_loss, some_states, some_targets, use_reentrant=False)
        else:
            total = total + chunk_loss(some_states, some_targets)
    return total, len(targets)
