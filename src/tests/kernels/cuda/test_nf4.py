"""Dequantizing in Triton equals bitsandbytes' on the CPU."""

import bitsandbytes as bnb
import pytest
import torch


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(6, 64), (40, 192)])
def test_equals_bitsandbytes(device: torch.device, rows: int, columns: int, nested: bool) -> None:
    from src.kernels.cuda.nf4 import dequantize_nf4

    torch.manual_seed(0)
    weight = torch.randn(rows, columns)
    packed, state = bnb.functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=nested)
    wanted = bnb.functional.dequantize_4bit(packed, state)
    state.to(device)
    wide = torch.zeros(rows, columns + 2, device=device)
    dequantize_nf4(packed.to(device), state, wide[:, :columns])
    assert torch.allclose(wide[:, :columns].cpu(), wanted, rtol=1e-6, atol=1e-7)
    assert not wide[:, columns:].any()
