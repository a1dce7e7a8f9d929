"""Packed attention against scaled dot products with a block-diagonal causal mask, under autograd."""

import pytest
import torch
from torch import nn

from src.kernels.packed_attention import (
    AttentionShape,
    HeadNorms,
    Sequences,
    packed_attention,
    packed_attention_backward,
    rotate,
)

F64 = torch.float64


def test_rotation_by_hand() -> None:
    """A quarter turn takes (left, right) to (-right, left)."""
    heads = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    turned = rotate(heads, (torch.zeros(1, 2), torch.ones(1, 2)))
    assert turned.tolist() == [[[-3.0, -4.0, 1.0, 2.0]]]


def rotary_of(starts: list[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    positions = torch.cat([torch.arange(length) for length in torch.tensor(starts).diff()])
    angles = positions[:, None] * 10000.0 ** -torch.linspace(0, 1, width // 2, dtype=F64)
    return angles.cos(), angles.sin()


def reference(
    qkv: torch.Tensor,
    rotary: tuple[torch.Tensor, torch.Tensor],
    starts: list[int],
    shape: AttentionShape,
    norms: HeadNorms | None,
) -> torch.Tensor:
    heads = qkv.view(len(qkv), -1, shape.width)
    queries, keys, values = heads.split([shape.heads, shape.key_heads, shape.key_heads], dim=1)
    if norms is not None:
        queries = nn.functional.rms_norm(queries, (shape.width,), norms.weights[0], norms.eps)
        keys = nn.functional.rms_norm(keys, (shape.width,), norms.weights[1], norms.eps)
    both = []
    for part in (queries, keys):
        left, right = part.chunk(2, dim=-1)
        cos, sin = (table[:, None] for table in rotary)
        both.append(torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1))
    numbers = torch.bucketize(torch.arange(len(qkv)), torch.tensor(starts[1:]), right=True)
    order = torch.arange(len(qkv))
    mask = (numbers[:, None] == numbers[None]) & (order[:, None] >= order[None])
    groups = shape.heads // shape.key_heads
    q, k, v = (part.transpose(0, 1) for part in (both[0], both[1], values))
    k, v = k.repeat_interleave(groups, dim=0), v.repeat_interleave(groups, dim=0)
    result = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return result.transpose(0, 1).reshape(len(qkv), -1)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("shape", [AttentionShape(4, 2, 6), AttentionShape(3, 3, 4), AttentionShape(3, 1, 8)])
@pytest.mark.parametrize("starts", [[0, 5], [0, 1, 2, 9], [0, 110, 113, 250]])  # blocks are 96 queries
def test_forward_and_backward(starts: list[int], shape: AttentionShape, normalized: bool) -> None:
    torch.manual_seed(0)
    tokens, rotary = starts[-1], rotary_of(starts, shape.width)
    norms = HeadNorms(torch.randn(2, shape.width, dtype=F64), 1e-6) if normalized else None
    qkv = torch.randn(tokens, shape.columns, dtype=F64)
    leaf = qkv.clone().requires_grad_()
    if norms is not None:
        norms.weights.requires_grad_()
    expected = reference(leaf, rotary, starts, shape, norms)
    inner = shape.heads * shape.width
    wide = torch.zeros(tokens, inner + 3, dtype=F64)
    lengths = torch.tensor(starts).diff()
    positions = torch.cat([torch.arange(length) for length in lengths])
    sequences = Sequences(starts, positions, torch.repeat_interleave(torch.tensor(starts[1:]), lengths))
    with torch.no_grad():
        state = packed_attention(qkv, rotary, sequences, shape, norms, wide[:, :inner])
    assert torch.allclose(wide[:, :inner], expected, rtol=1e-10, atol=1e-12)
    assert not wide[:, inner:].any()
    grad = torch.randn(tokens, inner + 3, dtype=F64)[:, :inner]
    wanted, *wanted_norms = torch.autograd.grad(expected, [leaf] if norms is None else [leaf, norms.weights], grad)
    if norms is not None:
        norms.gradient = torch.zeros(2 * shape.width, dtype=F64)
    with torch.no_grad():
        got = packed_attention_backward(grad, state, rotary, sequences, shape, norms)
    assert torch.allclose(got, wanted, rtol=1e-9, atol=1e-11)
    if norms is not None:
        assert norms.gradient is not None
        assert torch.allclose(norms.gradient.view(2, -1), wanted_norms[0], rtol=1e-9, atol=1e-11)
