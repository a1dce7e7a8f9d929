"""SwiGLU against autograd."""

import torch
from torch import nn

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
