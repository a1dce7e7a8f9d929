"""Norms and rotary positions of heads in Triton equal torch's own in float64, forward and backward."""

import pytest
import torch

from src.kernels.heads import AttentionShape, Rotary
from src.tests.kernels.attention_reference import norm_and_turn, rotary_of, sequences_of

EPS = 1e-3  # that a norm without it, or with it elsewhere, differs


def turned(qkv: torch.Tensor, rotary: Rotary, shape: AttentionShape, norms: torch.Tensor | None) -> torch.Tensor:
    """Return qkv with queries and keys normed and turned, the values as they are."""
    queries, keys, values = qkv.view(len(qkv), -1, shape.width).split([shape.heads, *[shape.key_heads] * 2], dim=1)
    both = [
        norm_and_turn(part, rotary, None if norms is None else norms[index], EPS)
        for index, part in enumerate((queries, keys))
    ]
    return torch.cat([*both, values], dim=1).view(qkv.shape)


@pytest.mark.parametrize(
    ("shape", "norms"),
    [
        (AttentionShape(2, 1, 16), "none"),
        (AttentionShape(3, 3, 32), "trained"),
        (AttentionShape(5, 2, 16), "fixed"),
        (AttentionShape(4, 2, 16), "plus one"),
        (AttentionShape(2, 1, 512), "trained"),
    ],
)
def test_equals_torch(device: torch.device, exact: float, shape: AttentionShape, norms: str) -> None:
    """Of tokens at their places; what stood in the sum of the weights' gradients stays in it."""
    from src.kernels.cuda.rotary import rotate_heads, rotate_heads_backward

    torch.manual_seed(0)
    rotary = rotary_of(sequences_of([0, 2, 5]), shape.width)
    leaf = torch.randn(5, shape.columns, dtype=torch.float64).requires_grad_()
    weights = None if norms == "none" else torch.randn(2, shape.width, dtype=torch.float64).requires_grad_()
    plus_one = norms == "plus one"
    wanted = turned(leaf, rotary, shape, weights if weights is None or not plus_one else 1 + weights)
    grad = torch.randn_like(wanted)
    wanted_grads = torch.autograd.grad(wanted, [leaf] if weights is None else [leaf, weights], grad)

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(device, torch.float32)

    there, raw = (moved(rotary[0]), moved(rotary[1])), moved(leaf)
    weights_there = None if weights is None else moved(weights)
    out = raw.clone()
    inverse = rotate_heads(raw, there, shape.heads, shape.key_heads, weights_there, EPS, out, plus_one)
    assert torch.allclose(out.cpu().double(), wanted, rtol=exact, atol=exact)
    parts = moved(grad).view(5, -1, shape.width).split([shape.heads, *[shape.key_heads] * 2], dim=1)
    total = torch.ones(2 * shape.width, device=device) if norms in ("trained", "plus one") else None
    before = None if weights is None else raw
    got = rotate_heads_backward((parts[0], parts[1], parts[2]), there, before, weights_there, inverse, total, plus_one)
    assert (got.cpu() - wanted_grads[0]).norm() < exact * wanted_grads[0].norm()
    if total is not None:
        assert ((total - 1).cpu().view(2, -1) - wanted_grads[1]).norm() < exact * wanted_grads[1].norm()
