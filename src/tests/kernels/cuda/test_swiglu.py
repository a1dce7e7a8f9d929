"""SwiGLU in Triton equals the CPU's, forward and backward."""

import pytest
import torch

from src.kernels.swiglu import swiglu, swiglu_backward


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("width", [24, 1100])  # a program computes 1,024 columns
def test_equals_the_cpu(device: torch.device, width: int, again: bool, dtype: torch.dtype, most: float) -> None:
    from src.kernels.cuda import swiglu as cuda

    torch.manual_seed(0)
    gate_up, grad = torch.randn(3, 2 * width, dtype=dtype), torch.randn(3, width, dtype=dtype)
    wanted, wide = torch.empty(3, width, dtype=dtype), torch.zeros(3, width + 5, dtype=dtype, device=device)
    swiglu(gate_up, wanted)
    got = gate_up.to(device, copy=True)
    cuda.swiglu(got, wide[:, :width])
    assert torch.allclose(wide[:, :width].cpu(), wanted, rtol=most, atol=most)
    assert not wide[:, width:].any()
    once_more = torch.zeros(3, width, dtype=dtype, device=device) if again else None
    swiglu_backward(grad, gate_up, None)
    cuda.swiglu_backward(grad.to(device), got, once_more)
    assert torch.allclose(got.cpu(), gate_up, rtol=most, atol=most)
    if once_more is not None:
        assert torch.allclose(once_more.cpu(), wanted, rtol=most, atol=most)
