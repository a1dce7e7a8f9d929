"""SwiGLU and GEGLU against autograd."""

import pytest
import torch
from torch import nn

from src.descriptions import Activation
from src.kernels.dropout import DropPlaces
from src.kernels.swiglu import swiglu, swiglu_backward


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
def test_forward_and_backward(activation: Activation) -> None:
    torch.manual_seed(0)
    gate_up = torch.randn(5, 16, dtype=torch.float64)
    leaf = gate_up.clone().requires_grad_()
    gate = leaf[:, :8]
    activated = nn.functional.silu(gate) if activation == "silu" else nn.functional.gelu(gate, approximate="tanh")
    expected = activated * leaf[:, 8:]
    wide = torch.zeros(5, 10, dtype=torch.float64)
    swiglu(gate_up, wide[:, :8], activation)
    assert torch.allclose(wide[:, :8], expected, rtol=1e-12)
    assert not wide[:, 8:].any()
    grad, again = torch.randn(5, 8, dtype=torch.float64), torch.empty(5, 8, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(expected, leaf, grad)
    swiglu_backward(grad, gate_up, again, kind=activation)
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
