"""Packed attention against scaled dot products of one whole example at a time, under autograd."""

import pytest
import torch

from src.kernels.heads import AttentionShape, HeadNorms, Sequences
from src.kernels.packed_attention import packed_attention, packed_attention_backward, rotate
from src.tests.kernels.attention_reference import groups_of, reference, rotary_of, sequences_of

F64 = torch.float64


def test_rotation_by_hand() -> None:
    """A quarter turn takes (left, right) to (-right, left)."""
    heads = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    turned = rotate(heads, (torch.zeros(1, 2), torch.ones(1, 2)))
    assert turned.tolist() == [[[-3.0, -4.0, 1.0, 2.0]]]


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(
    "shape",  # windows that are shorter and longer than a block
    [
        AttentionShape(4, 2, 6),
        AttentionShape(3, 3, 4),
        AttentionShape(3, 1, 8),
        AttentionShape(4, 2, 6, 0.7, window=1),
        AttentionShape(2, 1, 4, window=7),
        AttentionShape(2, 2, 4, window=105),
    ],
)
@pytest.mark.parametrize(
    "sequences",  # blocks are 96 queries
    [
        sequences_of([0, 5]),
        sequences_of([0, 1, 2, 9]),
        sequences_of([0, 110, 113, 250]),
        sequences_of([0, 20, 21, 140], 20),
        sequences_of([0, 100, 230], 100),
        groups_of([5, 2, 3], [4, 1], [3]),
        groups_of([100, 3, 120, 1], [2, 9, 9]),
    ],
    ids=str,
)
def test_forward_and_backward(sequences: Sequences, shape: AttentionShape, normalized: bool) -> None:
    torch.manual_seed(0)
    tokens = sequences.starts[-1]
    rotary = rotary_of(sequences, shape.width)
    plus_one = shape.window is not None
    norms = HeadNorms(torch.randn(2, shape.width, dtype=F64), 1e-6, plus_one=plus_one) if normalized else None
    qkv = torch.randn(tokens, shape.columns, dtype=F64)
    leaf = qkv.clone().requires_grad_()
    if norms is not None:
        norms.weights.requires_grad_()
    expected = reference(leaf, rotary, sequences, shape, norms)
    inner = shape.heads * shape.width
    wide = torch.zeros(tokens, inner + 3, dtype=F64)
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


def test_a_window_by_hand() -> None:
    """With equal scores a token's output is the mean of the values that it sees: its own and the one before."""
    qkv = torch.tensor([[0.0, 0.0, 0.0, 0.0, value, value] for value in (1.0, 3.0, 7.0, 20.0, 40.0)])
    sequences, shape = sequences_of([0, 3, 5]), AttentionShape(1, 1, 2, window=2)
    out = torch.empty(5, 2)
    packed_attention(qkv, (torch.ones(5, 1), torch.zeros(5, 1)), sequences, shape, None, out)
    assert out[:, 0].tolist() == [1.0, 2.0, 5.0, 20.0, 30.0]
