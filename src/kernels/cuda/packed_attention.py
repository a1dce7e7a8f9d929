"""Packed causal attention on a GPU: norms and rotation of the heads, then FlashAttention by positions."""

from dataclasses import dataclass

import torch

from ..heads import AttentionShape, HeadNorms, Rotary, Sequences
from .packed_flash import flash_backward, flash_forward
from .rotary import rotate_heads, rotate_heads_backward


@dataclass(frozen=True)
class FlashState:
    """Rotated queries, keys and values (views of one buffer), output, log2 sums; qkv before a norm, and its factors."""

    heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    output: torch.Tensor
    log_sums: torch.Tensor
    raw: torch.Tensor | None
    inverse_rms: torch.Tensor | None

    def keys_and_values(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rotated keys and values (tokens, key heads, width)."""
        return self.heads[1], self.heads[2]


def packed_attention(
    qkv: torch.Tensor,
    rotary: Rotary,
    sequences: Sequences,
    shape: AttentionShape,
    norms: HeadNorms | None,
    out: torch.Tensor,
) -> FlashState:
    """See `kernels.packed_attention.packed_attention`."""
    rotated = qkv
    if norms is not None:  # its backward needs what stood before
        rotated = torch.empty_like(qkv)
        values_at = (shape.heads + shape.key_heads) * shape.width
        rotated[:, values_at:].copy_(qkv[:, values_at:])
    weights, eps, plus_one = (None, 0.0, False) if norms is None else (norms.weights, norms.eps, norms.plus_one)
    inverse = rotate_heads(qkv, rotary, shape.heads, shape.key_heads, weights, eps, rotated, plus_one)
    parts = torch.split(rotated.view(len(qkv), -1, shape.width), [shape.heads, shape.key_heads, shape.key_heads], dim=1)
    heads = parts[0], parts[1], parts[2]
    log_sums = flash_forward(
        heads, sequences.positions, out, sequences.shared, sequences.before, shape.scale, shape.window
    )
    return FlashState(heads, out, log_sums, None if norms is None else qkv, inverse)


def packed_attention_backward(
    grad: torch.Tensor,
    state: FlashState,
    rotary: Rotary,
    sequences: Sequences,
    shape: AttentionShape,
    norms: HeadNorms | None,
) -> torch.Tensor:
    """See `kernels.packed_attention.packed_attention_backward`."""
    places = sequences.positions, sequences.ends
    shared = sequences.shared, sequences.before
    grads = flash_backward(grad, state.heads, *places, state.output, state.log_sums, *shared, shape.scale, shape.window)
    weights = None if norms is None else norms.weights
    total, plus_one = (None, False) if norms is None else (norms.gradient, norms.plus_one)
    return rotate_heads_backward(grads, rotary, state.raw, weights, state.inverse_rms, total, plus_one)
