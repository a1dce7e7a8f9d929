"""The gradient of RMSNorm's weight against autograd's."""

import pytest
import torch
from torch import nn

from src.kernels.norm_weight import add_norm_weight_gradient
from src.kernels.rms_norm import rms_norm


def test_by_hand() -> None:
    """Rows of root mean square 5 / sqrt 2 and 1, after which the sum was 1."""
    x, grad = torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    total = torch.ones(2)
    add_norm_weight_gradient(total, grad, x, torch.tensor([[2**0.5 / 5], [1.0]]))
    assert total.tolist() == pytest.approx([1 + 6 * 2**0.5 / 5, 1 + 4 * 2**0.5 / 5 + 3])


@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_equals_autograds(dtype: torch.dtype, most: float) -> None:
    torch.manual_seed(0)
    x, grad, weight = (torch.randn(shape, dtype=dtype) for shape in ((50, 12), (50, 12), (12,)))
    exact = weight.double().requires_grad_()
    nn.functional.rms_norm(x.double(), (12,), exact, 1e-5).backward(grad.double())
    inverse = rms_norm(x, weight, 1e-5, torch.empty_like(x))
    total = torch.zeros(12, dtype=dtype)
    add_norm_weight_gradient(total, grad, x, inverse)
    assert torch.allclose(total.double(), exact.grad, rtol=most, atol=most)
