"""Cross entropy in Triton: the loss of each row, and the logits replaced by their gradient in place."""

import torch
import triton
import triton.language as tl


@triton.jit
def _cross_entropy(logits, targets, losses, stride, vocabulary: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    line = logits + row * stride
    highest = -float("inf")
    total = 0.0
    for start in range(0, vocabulary, BLOCK):
        column = start + tl.arange(0, BLOCK)
        values = tl.load(line + column, mask=column < vocabulary, other=-float("inf")).to(tl.float32)
        new = tl.maximum(highest, tl.max(values))
        total = total * tl.exp(highest - new) + tl.sum(tl.exp(values - new))
        highest = new
    normalizer = highest + tl.log(total)
    target = tl.load(targets + row)
    tl.store(losses + row, normalizer - tl.load(line + target).to(tl.float32))
    tl.debug_barrier()
    for start in range(0, vocabulary, BLOCK):
        column = start + tl.arange(0, BLOCK)
        inside = column < vocabulary
        values = tl.load(line + column, mask=inside, other=-float("inf")).to(tl.float32)
        probability = tl.exp(values - normalizer)
        gradient = tl.where(column == target, probability - 1, probability)
        tl.store(line + column, gradient.to(logits.dtype.element_ty), mask=inside)


def cross_entropy_in_place(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Replace logits (rows, vocabulary) by their loss's gradient; return each row's loss in nats, float32."""
    rows, vocabulary = logits.shape
    losses = torch.empty(rows, dtype=torch.float32, device=logits.device)
    _cross_entropy[(rows,)](logits, targets, losses, logits.stride(0), vocabulary, BLOCK=4096, num_warps=16)
    return losses
