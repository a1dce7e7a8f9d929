"""Cross entropy in Triton equals the CPU's, loss and gradient."""

import pytest
import torch

from src.kernels.response_loss import cross_entropy


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.bfloat16, 4e-3)])
@pytest.mark.parametrize("vocabulary", [11, 4096, 9001])  # blocks are 4,096 columns
def test_equals_the_cpu(device: torch.device, vocabulary: int, dtype: torch.dtype, most: float) -> None:
    from src.kernels.cuda.response_loss import cross_entropy_in_place

    torch.manual_seed(0)
    logits = (5 * torch.randn(4, vocabulary)).to(dtype)
    logits[1, 3] = 1e4
    targets = torch.tensor([0, 3, vocabulary - 1, 5])
    wanted, wanted_gradient = cross_entropy(logits.clone(), targets)
    on_device = logits.to(device)
    losses = cross_entropy_in_place(on_device, targets.to(device))
    assert torch.allclose(losses.cpu(), wanted, rtol=1e-5, atol=1e-5)
    assert torch.allclose(on_device.cpu(), wanted_gradient, rtol=most, atol=most)
    assert losses[1] == 0
