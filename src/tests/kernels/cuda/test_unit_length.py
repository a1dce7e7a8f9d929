"""Heads of length 1, and the gradient of that, against torch's operations in float64."""

import pytest
import torch


@pytest.mark.parametrize(("tokens", "heads", "width"), [(37, 3, 24), (1, 1, 128), (16, 2, 8)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_equals_torch(
    device: torch.device, exact: float, tokens: int, heads: int, width: int, kind: torch.dtype
) -> None:
    from src.kernels.cuda.unit_length import unit_length

    torch.manual_seed(0)
    wide = torch.randn(tokens, heads * width + 13, device=device).to(kind)
    wide[0, :width] = 0  # a head of zeros has no length
    upstream = torch.randn(tokens, heads, width, device=device).to(kind)
    ours, theirs = wide.clone().requires_grad_(), wide.double().requires_grad_()
    heads_of = [x[:, 5 : 5 + heads * width].unflatten(1, (heads, width)) for x in (ours, theirs)]
    found = unit_length(heads_of[0])
    wanted = heads_of[1] / (heads_of[1].square().sum(-1, keepdim=True) + 1e-6).sqrt()
    assert found.is_contiguous()
    assert found.dtype == kind
    found.backward(upstream)
    wanted.backward(upstream.double())
    assert ours.grad is not None
    assert theirs.grad is not None
    most = exact if kind == torch.float32 else 2e-3
    assert (found - wanted).norm() <= most * wanted.norm()
    assert (ours.grad - theirs.grad).norm() <= 2 * most * theirs.grad.norm()
    assert (ours.grad[:, :5] == 0).all()
    assert (ours.grad[:, 5 + heads * width :] == 0).all()


def test_a_gradient_that_is_no_dense_tensor(device: torch.device) -> None:
    from src.kernels.cuda.unit_length import unit_length

    x = torch.randn(5, 2, 8, device=device)
    upstream = torch.randn(8, 2, 5, device=device).permute(2, 1, 0)
    gradients = [
        torch.autograd.grad(unit_length(x.requires_grad_()), x, grad)[0] for grad in (upstream, upstream.clone())
    ]
    assert torch.equal(*gradients)
    expanded = torch.autograd.grad(unit_length(x).sum(), x)[0]
    assert torch.equal(expanded, torch.autograd.grad(unit_length(x), x, torch.ones_like(x))[0])
