"""Attention to a cache in Triton equals the CPU's, in the outputs and in what is cached."""

import pytest
import torch

from src.kernels.cached_attention import cached_attention
from src.kernels.heads import AttentionShape, HeadNorms


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(
    "shape",
    [
        AttentionShape(4, 2, 16),
        AttentionShape(3, 3, 32),
        AttentionShape(3, 1, 16),
        AttentionShape(4, 2, 16, 0.3, window=1),
        AttentionShape(2, 1, 16, window=65),
        AttentionShape(4, 1, 256, window=70),  # blocks of 16 places
        AttentionShape(2, 1, 512, 0.05),  # of 8; scores of a usual size, since large ones round at 1e-5
    ],
)
def test_equals_the_cpu(device: torch.device, exact: float, shape: AttentionShape, normalized: bool) -> None:
    """Rows with nothing in the cache, one block of 64 places, one more, and all places but the last."""
    from src.kernels.cuda import cached_attention as cuda

    torch.manual_seed(0)
    lengths, places = torch.tensor([0, 64, 65, 129]), 130
    angles = lengths[:, None] * 10000.0 ** -torch.linspace(0, 1, shape.width // 2)
    rotary = angles.cos(), angles.sin()
    plus_one = shape.window is not None
    norms = HeadNorms(torch.randn(2, shape.width), 1e-6, plus_one=plus_one) if normalized else None
    norms_there = HeadNorms(norms.weights.to(device), 1e-6, plus_one=plus_one) if norms else None
    qkv, inner = torch.randn(4, shape.columns), shape.heads * shape.width
    cache = torch.randn(2, 4, shape.key_heads, places, shape.width)
    cache_there = cache.to(device, copy=True)
    wanted, wide = torch.empty(4, inner), torch.zeros(4, inner + 3, device=device)
    rotary_there = rotary[0].to(device), rotary[1].to(device)
    there = qkv.to(device, copy=True), rotary_there, (cache_there[0], cache_there[1]), lengths.to(device)
    cuda.cached_attention(*there, shape, norms_there, wide[:, :inner])
    cached_attention(qkv, rotary, (cache[0], cache[1]), lengths, shape, norms, wanted)
    assert torch.allclose(wide[:, :inner].cpu(), wanted, rtol=exact, atol=exact)
    assert not wide[:, inner:].any()
    assert torch.allclose(cache_there.cpu(), cache, rtol=exact, atol=exact)
