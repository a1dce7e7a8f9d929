"""The gradient of RMSNorm's weight in Triton equals the CPU's."""

import pytest
import torch

from src.kernels.norm_weight import add_norm_weight_gradient


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize(("rows", "width"), [(70, 100), (64, 16), (3, 1100)])  # blocks are 64 rows, 1,024 columns
def test_equals_the_cpu(device: torch.device, rows: int, width: int, dtype: torch.dtype, most: float) -> None:
    from src.kernels.cuda import norm_weight as cuda

    torch.manual_seed(0)
    wide, x, inverse = (
        torch.randn(rows, width + 3, dtype=dtype),
        torch.randn(rows, width, dtype=dtype),
        torch.rand(rows, 1),
    )
    wanted, got = torch.ones(width, dtype=dtype), torch.ones(width, dtype=dtype, device=device)
    grad, on_device = wide[:, :width], wide.to(device)[:, :width]
    add_norm_weight_gradient(wanted, grad, x, inverse)
    cuda.add_norm_weight_gradient(got, on_device, x.to(device), inverse.to(device))
    assert torch.allclose(got.cpu(), wanted, rtol=most, atol=20 * most)
