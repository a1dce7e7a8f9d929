"""RMSNorm against torch's own under autograd."""

import pytest
import torch

from src.kernels.rms_norm import rms_norm, rms_norm_backward


def test_by_hand() -> None:
    x, out = torch.tensor([[3.0, 4.0]], dtype=torch.float64), torch.empty(1, 2, dtype=torch.float64)
    inverse = rms_norm(x, torch.tensor([1.0, 2.0], dtype=torch.float64), 0.0, out)
    assert inverse.item() == pytest.approx(0.08**0.5)  # mean square 12.5
    assert out.tolist() == [pytest.approx([3 * 0.08**0.5, 8 * 0.08**0.5])]


@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_forward_and_backward_equal_torchs(dtype: torch.dtype, most: float) -> None:
    torch.manual_seed(0)
    x, weight, grad, onto = (torch.randn(shape, dtype=dtype) for shape in ((7, 12), (12,), (7, 12), (7, 12)))
    wide = torch.zeros(7, 15, dtype=dtype)
    inverse = rms_norm(x, weight, 1e-5, wide[:, :12])
    exact = x.double().requires_grad_()
    expected = torch.nn.functional.rms_norm(exact, (12,), weight.double(), 1e-5)
    assert torch.allclose(wide[:, :12].double(), expected, rtol=most, atol=most)
    assert not wide[:, 12:].any()
    assert inverse.dtype == torch.promote_types(dtype, torch.float32)
    (wanted,) = torch.autograd.grad(expected, exact, grad.double())
    got = rms_norm_backward(grad, x, weight, inverse, onto)
    assert got.dtype == dtype
    assert torch.allclose(got.double(), wanted + onto.double(), rtol=most, atol=2 * most)


def test_what_a_residual_adds_is_added_first_and_kept() -> None:
    x, plus = torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0, 3.0]])
    out = torch.empty(1, 2)
    inverse = rms_norm(x, torch.ones(2), 0.0, out, plus)
    assert x.tolist() == [[3.0, 4.0]]
    assert plus.tolist() == [[2.0, 3.0]]
    assert inverse.item() == pytest.approx(0.08**0.5)
    assert out.tolist() == [pytest.approx([3 * 0.08**0.5, 4 * 0.08**0.5])]


def test_one_is_added_to_the_weight_and_the_product_is_rounded_once() -> None:
    """4 x 0.08^0.5 = 1.1314, times 1.75 1.9799, is 253/128 in bf16; 1.1314 rounded to 145/128 gives 254/128."""
    x, weight = torch.tensor([[3.0, 4.0]], dtype=torch.bfloat16), torch.tensor([0.5, 0.75], dtype=torch.bfloat16)
    out = torch.empty_like(x)
    rms_norm(x, weight, 0.0, out, plus_one=True)
    assert out[0, 1].item() == 253 / 128
    rms_norm(x, weight + 1, 0.0, out)
    assert out[0, 1].item() == 254 / 128


@pytest.mark.parametrize("added", [False, True])
def test_one_is_added_backward_too(added: bool) -> None:
    torch.manual_seed(0)
    x, weight, grad, onto = (torch.randn(size, dtype=torch.float64) for size in ((7, 12), (12,), (7, 12), (7, 12)))
    out = torch.empty_like(x)
    inverse = rms_norm(x, weight, 1e-5, out, plus_one=True)
    exact = x.clone().requires_grad_()
    expected = torch.nn.functional.rms_norm(exact, (12,), weight + 1, 1e-5)
    (wanted,) = torch.autograd.grad(expected, exact, grad)
    got = rms_norm_backward(grad, x, weight, inverse, onto if added else None, plus_one=True)
    assert torch.allclose(out, expected, rtol=1e-12)
    assert torch.allclose(got, wanted + onto if added else wanted, rtol=1e-10)
