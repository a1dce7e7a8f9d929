"""The kernels' device: the GPU where there is one, else the CPU, where Triton's interpreter runs them."""

import pytest
import torch


@pytest.fixture(autouse=True)
def device() -> torch.device:
    """Return it, or skip where Triton is missing."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    pytest.importorskip("triton", minversion="3.7", reason="needs triton 3.7: older interpreters fail with numpy 2.4")
    return torch.device("cpu")


@pytest.fixture
def exact(device: torch.device) -> float:
    """Return the largest error of float32 products: a GPU's tensor cores round their factors to 10 bits."""
    return 1e-5 if device.type == "cpu" else 5e-3
