"""A linear layer with its low-rank adapter as one operation, for the CPU.

PEFT computes base, dropout, A, B, scale and sum one after the other, each a pass over memory with a tensor kept for the
backward, and torch draws dropout masks with one thread at 7 ns an element. On two AVX2 cores that took longer than the
frozen products themselves.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

_LEVELS = 1 << 16


def draw_keep_mask(shape: torch.Size, dropout: float) -> torch.Tensor:
    """Return a bool mask that is False with probability `dropout` (to 1/65,536), seeded by torch's generator."""
    seed = int(torch.randint(1 << 62, ()))
    numbers = np.frombuffer(np.random.Generator(np.random.SFC64(seed)).bytes(2 * shape.numel()), dtype=np.int16)
    threshold = round(dropout * _LEVELS) - _LEVELS // 2
    return torch.from_numpy(numbers >= threshold).view(shape)


class _LoraLinear(torch.autograd.Function):
    """y = x W^T + b + scaling (drop(x) A^T) B^T with W and b frozen; see `lora_linear`."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
        dropout: float,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        keep = draw_keep_mask(rows.shape, dropout) if dropout else None
        # The mask carries 1 / (1 - p), so that the expected input is x.
        inputs = rows if keep is None else rows * keep.to(rows.dtype).div_(1 - dropout)
        reduced = inputs @ a.t()
        output = nn.functional.linear(rows, weight, bias)
        output.addmm_(reduced, b.t(), alpha=scaling)
        ctx.save_for_backward(rows, weight, a, b, reduced, keep)
        ctx.scaling, ctx.dropout, ctx.shape = scaling, dropout, x.shape
        return output.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, a, b, reduced, keep = ctx.saved_tensors
        grad = grads[0].reshape(-1, weight.shape[0])
        grad_reduced = (grad @ b).mul_(ctx.scaling)
        grad_b = (grad.t() @ reduced).mul_(ctx.scaling)
        mask = None if keep is None else keep.to(rows.dtype).div_(1 - ctx.dropout)
        grad_a = grad_reduced.t() @ (rows if mask is None else rows * mask)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = grad @ weight
            if mask is None:
                grad_x.addmm_(grad_reduced, a)
            else:
                grad_x.addcmul_(grad_reduced @ a, mask)
            grad_x = grad_x.view(ctx.shape)
        return grad_x, None, None, grad_a, grad_b, None, None


def lora_linear(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    a: torch.Tensor,
    b: torch.Tensor,
    scaling: float,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Return a frozen linear layer's output plus its adapter's (Hu et al. 2021), float32 on the CPU.

    Args:
        x: (..., in).
        weight: (out, in), frozen.
        bias: (out,), frozen, or None.
        a: (rank, in), trained.
        b: (out, rank), trained.
        scaling: factor of the adapter's output.
        dropout: probability with which an element of the adapter's input is dropped, drawn anew in each call.

    Returns:
        (..., out), with gradients for x, a and b.
    """
    output: torch.Tensor = _LoraLinear.apply(x, weight, bias, a, b, scaling, dropout)  # type: ignore[no-untyped-call]
    return output
