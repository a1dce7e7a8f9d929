"""RMSNorm in Triton equals the CPU's, forward and backward."""

import pytest
import torch

from src.kernels.rms_norm import rms_norm, rms_norm_backward


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("width", [100, 1024])
@pytest.mark.parametrize("plus_one", [False, True])
def test_equals_the_cpu(device: torch.device, plus_one: bool, width: int, dtype: torch.dtype, most: float) -> None:
    from src.kernels.cuda import rms_norm as cuda

    torch.manual_seed(0)
    x, grad, onto = (torch.randn(5, width, dtype=dtype) for _ in range(3))
    weight = torch.randn(width, dtype=dtype)
    wanted, wide = torch.empty(5, width, dtype=dtype), torch.zeros(5, width + 3, dtype=dtype, device=device)
    wanted_inverse = rms_norm(x, weight, 1e-5, wanted, plus_one=plus_one)
    on = [part.to(device) for part in (x, weight, grad, onto)]
    inverse = cuda.rms_norm(on[0], on[1], 1e-5, wide[:, :width], plus_one=plus_one)
    assert not wide[:, width:].any()
    assert torch.allclose(wide[:, :width].cpu(), wanted, rtol=most, atol=most)
    assert torch.allclose(inverse.cpu(), wanted_inverse, rtol=1e-5)
    for added, there in ((onto, on[3]), (None, None)):
        wanted = rms_norm_backward(grad, x, weight, wanted_inverse, added, plus_one)
        got = cuda.rms_norm_backward(on[2], on[0], on[1], inverse, there, plus_one)
        assert torch.allclose(got.cpu(), wanted, rtol=most, atol=2 * most)


def test_what_is_added_first_stays_added(device: torch.device) -> None:
    from src.kernels.cuda import rms_norm as cuda

    torch.manual_seed(0)
    x, plus, weight = torch.randn(5, 100), torch.randn(5, 100), torch.randn(100)
    wanted, out, got = torch.empty(5, 100), torch.empty(5, 100, device=device), x.to(device, copy=True)
    inverse = rms_norm(x + plus, weight, 1e-5, wanted)
    assert torch.allclose(cuda.rms_norm(got, weight.to(device), 1e-5, out, plus.to(device)).cpu(), inverse, rtol=1e-5)
    assert torch.allclose(got.cpu(), x + plus, rtol=1e-6)
    assert torch.allclose(out.cpu(), wanted, rtol=1e-5, atol=1e-6)
    summed = x.clone()
    rms_norm(summed, weight, 1e-5, wanted, plus)
    assert torch.equal(summed, x + plus)


def test_a_slice_of_wider_rows_is_read(device: torch.device) -> None:
    from src.kernels.cuda import rms_norm as cuda

    wide = torch.arange(1.0, 13.0, device=device).view(3, 4)
    out = torch.empty(3, 2, device=device)
    cuda.rms_norm(wide[:, 1:3], torch.ones(2, device=device), 0.0, out)
    root = (2 * 2 + 3 * 3) ** 0.5 / 2**0.5
    assert out[0].tolist() == pytest.approx([2 / root, 3 / root])
