"""SwiGLU and GEGLU in Triton equal the CPU's, forward and backward."""

import pytest
import torch

from src.descriptions import Activation
from src.kernels.dropout import DropPlaces
from src.kernels.swiglu import swiglu, swiglu_backward


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("width", [24, 1100])  # a program computes 1,024 columns
@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
def test_equals_the_cpu(
    device: torch.device, activation: Activation, width: int, again: bool, dtype: torch.dtype, most: float
) -> None:
    from src.kernels.cuda import swiglu as cuda

    torch.manual_seed(0)
    gate_up, grad = torch.randn(3, 2 * width, dtype=dtype), torch.randn(3, width, dtype=dtype)
    wanted, wide = torch.empty(3, width, dtype=dtype), torch.zeros(3, width + 5, dtype=dtype, device=device)
    swiglu(gate_up, wanted, activation)
    got = gate_up.to(device, copy=True)
    cuda.swiglu(got, wide[:, :width], activation)
    assert torch.allclose(wide[:, :width].cpu(), wanted, rtol=most, atol=most)
    assert not wide[:, width:].any()
    once_more = torch.zeros(3, width, dtype=dtype, device=device) if again else None
    swiglu_backward(grad, gate_up, None, kind=activation)
    cuda.swiglu_backward(grad.to(device), got, once_more, kind=activation)
    assert torch.allclose(got.cpu(), gate_up, rtol=most, atol=most)
    if once_more is not None:
        assert torch.allclose(once_more.cpu(), wanted, rtol=most, atol=most)


@pytest.mark.parametrize("rank", [3, 16, 20])
def test_a_low_rank_part_of_the_gradient_is_added(device: torch.device, rank: int) -> None:
    from src.kernels.cuda import swiglu as cuda

    torch.manual_seed(0)
    rows, width = 19, 150
    gate_up, grad = torch.randn(rows, 2 * width), torch.randn(rows, width)
    reduced, a = torch.randn(rows, rank), torch.randn(rank, width)
    wanted, again, wide = gate_up.clone(), torch.zeros(rows, width), torch.cat([grad, reduced], dim=1).to(device)
    swiglu_backward(grad + reduced @ a, wanted, again)
    got, got_again = gate_up.to(device, copy=True), torch.zeros(rows, width, device=device)
    cuda.swiglu_backward(wide[:, :width], got, got_again, (wide[:, width:], a.to(device)))
    assert torch.allclose(got.cpu(), wanted, rtol=1e-4, atol=1e-4)
    assert torch.allclose(got_again.cpu(), again, rtol=1e-5, atol=1e-6)
    on_cpu = gate_up.clone()
    swiglu_backward(grad.clone(), on_cpu, None, (reduced, a))
    assert torch.allclose(on_cpu, wanted, rtol=1e-5, atol=1e-5)


def test_dropped_elements_of_the_low_rank_part_are_left_out(device: torch.device) -> None:
    from src.kernels.cuda import swiglu as cuda
    from src.kernels.cuda.dropout import CountedDrop

    torch.manual_seed(0)
    rows, width, rank = 19, 150, 16
    gate_up, grad = torch.randn(rows, 2 * width), torch.randn(rows, width)
    reduced, a = torch.randn(rows, rank), torch.randn(rank, width)
    numbers = torch.arange(rows, device=device)
    drop = CountedDrop(0.4, torch.tensor([3], device=device), numbers // 7, numbers % 7, 2)
    mask = drop(torch.ones(rows, width, device=device)).cpu()
    wanted, got = gate_up.clone(), gate_up.to(device, copy=True)
    swiglu_backward(grad + mask * (reduced @ a), wanted, None)
    cuda.swiglu_backward(grad.to(device), got, None, (reduced.to(device), a.to(device)), drop)
    assert torch.allclose(got.cpu(), wanted, rtol=1e-4, atol=1e-4)
    on_cpu = gate_up.clone()
    dropped = DropPlaces((mask == 0).flatten().nonzero().squeeze(1), width)
    swiglu_backward(grad.clone(), on_cpu, None, (reduced, a), dropped)
    assert torch.allclose(on_cpu, wanted, rtol=1e-5, atol=1e-5)
