"""Cross entropy with its gradient against autograd."""

import math

import pytest
import torch
from torch import nn

from src.kernels import response_loss
from src.kernels.response_loss import response_loss_and_gradient, token_losses


def test_by_hand() -> None:
    """Logits 0 and log 3: the target has probability 1/4."""
    states = torch.tensor([[1.0]], dtype=torch.float64)
    head = torch.tensor([[0.0], [math.log(3)]], dtype=torch.float64)
    loss, gradient = response_loss_and_gradient(states, head, torch.tensor([0]), 0.5)
    assert loss.item() == pytest.approx(math.log(4))
    assert gradient.item() == pytest.approx(0.5 * 0.75 * math.log(3))


@pytest.mark.parametrize("cap", [None, 1.5])
@pytest.mark.parametrize("chunk", [1, 4, 100])
@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-11), (torch.float32, 1e-5)])
def test_equals_autograd_in_chunks(
    monkeypatch: pytest.MonkeyPatch, chunk: int, cap: float | None, dtype: torch.dtype, most: float
) -> None:
    monkeypatch.setattr(response_loss, "_CHUNK", chunk)
    torch.manual_seed(0)
    states, head = torch.randn(9, 6, dtype=dtype), torch.randn(11, 6, dtype=dtype)
    targets = torch.randint(11, (9,))
    leaf, exact_head = states.double().requires_grad_(), head.double().requires_grad_()
    logits = leaf @ exact_head.t()
    if cap is not None:
        logits = cap * torch.tanh(logits / cap)
    expected = nn.functional.cross_entropy(logits, targets, reduction="sum")
    wanted, wanted_head = torch.autograd.grad(expected / 7, [leaf, exact_head])
    grad_head = torch.ones_like(head)
    loss, gradient = response_loss_and_gradient(states, head, targets, 1 / 7, grad_head, cap=cap)
    assert token_losses(states, head, targets, cap).sum().item() == pytest.approx(expected.item(), rel=most)
    assert torch.allclose(grad_head.double(), 1 + wanted_head, rtol=most, atol=most)
    assert loss.item() == pytest.approx(expected.item(), rel=most)
    assert gradient.dtype == dtype
    assert torch.allclose(gradient.double(), wanted, rtol=most, atol=most)


def test_large_logits_stay_finite() -> None:
    states = torch.tensor([[1.0], [1.0]])
    loss, gradient = response_loss_and_gradient(states, torch.tensor([[1e4], [-1e4]]), torch.tensor([0, 1]), 1.0)
    assert loss.item() == 2e4
    assert gradient.tolist() == [[0.0], [2e4]]


def test_no_positions() -> None:
    loss, gradient = response_loss_and_gradient(torch.empty(0, 3), torch.randn(5, 3), torch.empty(0).long(), 1.0)
    assert (loss.item(), gradient.shape) == (0.0, (0, 3))
