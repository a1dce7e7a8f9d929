"""Rounding to 8 bit in Triton equals the CPU's."""

import pytest
import torch

from src.kernels.float8 import FLOAT8, Float8Weight, product, quantized


def written(x: torch.Tensor, values: torch.Tensor, scales: torch.Tensor, new: bool) -> None:
    from src.kernels.cuda import float8 as cuda

    cuda.write_rows(x, values, scales, new, 448.0, 1e-30)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_equal_the_cpus(device: torch.device, dtype: torch.dtype) -> None:
    """Of numbers that 8 bit holds: Triton's interpreter rounds up to a power of two wrongly, cards do not."""
    torch.manual_seed(0)
    numbers = torch.randint(0, 127, (6, 60), dtype=torch.uint8).view(FLOAT8).float()
    numbers *= torch.randint(0, 2, (6, 60)) * 2 - 1
    numbers[:, 5], numbers[2] = 448.0, 0.0
    wide = (numbers * 2.0 ** torch.arange(-40, 20, 10)[:, None]).to(dtype)
    x = wide.to(device)[:, :37]  # rows of a wider matrix
    values = torch.ones(6, 64, dtype=torch.uint8, device=device).view(FLOAT8)
    scales = torch.empty(6, 1, device=device)
    written(x, values[:, :48], scales, True)
    wanted = quantized(wide[:, :37])
    assert torch.equal(scales.cpu(), wanted.scales)
    assert torch.equal(values[:, :48].float().cpu(), wanted.values.float())
    assert torch.equal(values[:, :37].float().cpu(), numbers[:, :37])
    assert (values[:, 48:].cpu().view(torch.uint8) == 1).all()


def test_given_scales_stay_and_large_values_end_at_the_largest(device: torch.device) -> None:
    x = torch.tensor([[1.0, -2.0, 1000.0], [0.5, -1e9, 0.0]], device=device)
    values, scales = torch.zeros(2, 16, dtype=torch.uint8, device=device).view(FLOAT8), torch.ones(2, 1, device=device)
    written(x, values, scales, False)
    assert values.float()[:, :4].tolist() == [[1.0, -2.0, 448.0, 0.0], [0.5, -448.0, 0.0, 0.0]]
    assert scales.tolist() == [[1.0], [1.0]]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_products_on_a_gpu_equal_the_cpus() -> None:
    torch.manual_seed(0)
    weights, b = [torch.randn(64, 72), torch.randn(32, 72)], torch.randn(64, 5)
    x, grad = torch.randn(50, 77), torch.randn(50, 96)
    results = []
    for device in ("cpu", "cuda"):
        source = Float8Weight([weight.to(device) for weight in weights], [5, 0])
        source.b_blocks()[0].copy_(b)
        source.refresh()
        pairs = (x, source.by_output), (grad, source.by_input)
        results.append([product(quantized(part.to(device)), rows, torch.bfloat16).cpu() for part, rows in pairs])
    for ours, theirs in zip(*results, strict=True):
        assert float((ours - theirs).float().norm() / theirs.float().norm()) < 1e-2
