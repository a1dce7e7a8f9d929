"""SwiGLU against autograd."""

import pytest
import torch
from torch import nn

from src.kernels.dropout import DropPlaces
from src.kernels.swiglu import swiglu, swiglu_backward


def test_forward_and_backward() -> None:
    torch.manual_seed(0)
    gate_up = torch.randn(5, 16, dtype=torch.float64)
    leaf = gate_up.clone().requires_grad_()
    expected = nn.functional.silu(leaf[:, :8]) * leaf[:, 8:]
    wide = torch.zeros(5, 10, dtype=torch.float64)
    swiglu(gate_up, wide[:, :8])
    assert torch.allclose(wide[:, :8], expected, rtol=1e-12)
    assert not wide[:, 8:].any()
    grad, again = torch.randn(5, 8, dtype=torch.float64), torch.empty(5, 8, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(expected, leaf, grad)
    swiglu_backward(grad, gate_up, again)
    assert torch.allclose(gate_up, wanted, rtol=1e-12)
    assert torch.allclose(again, expected, rtol=1e-12)


@pytest.mark.parametrize("dropped", [[], [0, 5, 39]])
def test_a_low_rank_part_of_the_gradient_is_added_where_nothing_is_dropped(dropped: list[int]) -> None:
    torch.manual_seed(1)
    gate_up, grad = torch.randn(5, 16, dtype=torch.float64), torch.randn(5, 8, dtype=torch.float64)
    left, right = torch.randn(5, 2, dtype=torch.float64), torch.randn(2, 8, dtype=torch.float64)
    part = left @ right
    part.view(-1)[dropped] = 0
    expected = gate_up.clone()
    swiglu_backward(grad + part, expected, None)
    drop = DropPlaces(torch.tensor(dropped), 8) if dropped else None
    swiglu_backward(grad.clone(), gate_up, None, (left, right), drop)
    assert torch.allclose(gate_up, expected, rtol=1e-12)
