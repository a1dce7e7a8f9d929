"""Dequantizing in Triton equals bitsandbytes' on the CPU."""

import bitsandbytes as bnb
import pytest
import torch


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(6, 64), (40, 192), (8, 96)])  # the last: scales go over rows' ends
def test_equals_bitsandbytes(device: torch.device, rows: int, columns: int, nested: bool) -> None:
    from src.kernels.cuda.nf4 import dequantize_nf4

    torch.manual_seed(0)
    weight = torch.randn(rows, columns)
    packed, state = bnb.functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=nested)
    wanted = bnb.functional.dequantize_4bit(packed, state)
    state.to(device)
    b = torch.randn(rows, 3, device=device)
    wide = torch.zeros(rows, columns + 5, device=device)
    dequantize_nf4(packed.to(device), state, wide[:, :columns], b, wide[:, columns + 1 : columns + 4])
    assert torch.allclose(wide[:, :columns].cpu(), wanted, rtol=1e-6, atol=1e-7)
    assert torch.equal(wide[:, columns + 1 : columns + 4], b)
    assert not wide[:, [columns, columns + 4]].any()
    alone = torch.zeros(rows, columns, device=device)
    dequantize_nf4(packed.to(device), state, alone)
    assert torch.equal(alone, wide[:, :columns])
