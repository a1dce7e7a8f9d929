"""Packed attention in Triton equals the CPU's, forward and backward, with and without norms of the heads."""

import pytest
import torch

from src.kernels.packed_attention import AttentionShape, HeadNorms, Sequences, packed_attention
from src.kernels.packed_attention import packed_attention_backward as backward


def sequences_of(starts: list[int], device: torch.device) -> Sequences:
    lengths = torch.tensor(starts).diff()
    positions = torch.cat([torch.arange(length) for length in lengths])
    ends = torch.repeat_interleave(torch.tensor(starts[1:]), lengths)
    return Sequences(starts, positions.to(device), ends.to(device))


def rotary_of(sequences: Sequences, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    angles = sequences.positions[:, None] * 10000.0 ** -torch.linspace(0, 1, width // 2)
    return angles.cos(), angles.sin()


# The last column: an older card's blocks are smaller.
CASES = [
    ([0, 5], AttentionShape(2, 1, 16), False, False),
    ([0, 1, 2, 40], AttentionShape(3, 3, 16), True, False),
    ([0, 70, 73, 150], AttentionShape(2, 1, 16), False, False),  # blocks of 64 and 32 with whole and cut sequences
    ([0, 70, 73, 150], AttentionShape(2, 2, 16), False, True),
    ([0, 32, 64, 96], AttentionShape(3, 1, 32), True, False),
]


@pytest.mark.parametrize(("starts", "shape", "normalized", "old_card"), CASES)
def test_equals_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    exact: float,
    starts: list[int],
    shape: AttentionShape,
    normalized: bool,
    old_card: bool,
) -> None:
    from src.kernels.cuda import packed_flash

    if old_card:
        monkeypatch.setattr(packed_flash, "capability", lambda device: (7, 5))
    compare(starts, shape, normalized, torch.float32, device, exact)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_equals_the_cpu_in_16_bit(device: torch.device, dtype: torch.dtype) -> None:
    if device.type == "cpu" and dtype == torch.bfloat16:
        pytest.skip("Triton's interpreter multiplies bfloat16 as integers")
    compare([0, 3, 40], AttentionShape(2, 1, 16), True, dtype, device, 2e-2)


def compare(
    starts: list[int], shape: AttentionShape, normalized: bool, dtype: torch.dtype, device: torch.device, most: float
) -> None:
    from src.kernels.cuda import packed_attention as cuda

    torch.manual_seed(0)
    tokens, inner = starts[-1], shape.heads * shape.width
    here, there = sequences_of(starts, torch.device("cpu")), sequences_of(starts, device)
    cos, sin = (part.to(dtype) for part in rotary_of(here, shape.width))
    norms = HeadNorms(torch.randn(2, shape.width, dtype=dtype), 1e-6) if normalized else None
    norms_there = HeadNorms(norms.weights.to(device), 1e-6) if norms else None
    if norms and norms_there:  # whose weights train
        norms.gradient = torch.ones(2 * shape.width, dtype=dtype)
        norms_there.gradient = norms.gradient.to(device, copy=True)
    rotary_there = cos.to(device), sin.to(device)
    qkv, grad = torch.randn(tokens, shape.columns, dtype=dtype), torch.randn(tokens, inner + 3, dtype=dtype)
    wanted, wide = torch.empty(tokens, inner, dtype=dtype), torch.zeros(tokens, inner + 3, dtype=dtype, device=device)
    copied = qkv.to(device, copy=True)
    state = packed_attention(qkv, (cos, sin), here, shape, norms, wanted)
    state_there = cuda.packed_attention(copied, rotary_there, there, shape, norms_there, wide[:, :inner])
    assert torch.allclose(wide[:, :inner].cpu(), wanted, rtol=most, atol=most)
    assert not wide[:, inner:].any()
    for part, other in zip(state.keys_and_values(), state_there.keys_and_values(), strict=True):
        assert torch.allclose(other.cpu(), part, rtol=most, atol=most)
    wanted = backward(grad[:, :inner], state, (cos, sin), here, shape, norms)
    grad_there = grad.to(device)[:, :inner]
    got = cuda.packed_attention_backward(grad_there, state_there, rotary_there, there, shape, norms_there)
    error = (got.cpu() - wanted).float().norm() / wanted.float().norm()
    assert error < most
    if norms and norms_there:
        assert norms.gradient is not None
        assert norms_there.gradient is not None
        error = (norms_there.gradient.cpu() - norms.gradient).float().norm() / norms.gradient.float().norm()
        assert error < most


def test_another_examples_tokens_change_nothing(device: torch.device) -> None:
    """Bit for bit, though both are in one block."""
    from src.kernels.cuda.packed_flash import flash_forward

    torch.manual_seed(0)
    buffer, positions = torch.randn(20, 3, 16, device=device), sequences_of([0, 9, 20], device).positions
    both = []
    for _ in range(2):
        heads = buffer[:, :1], buffer[:, 1:2], buffer[:, 2:]
        out = torch.empty(20, 16, device=device)
        flash_forward(heads, positions, out)
        both.append(out)
        buffer = buffer.clone()
        buffer[:9] = 100 * torch.randn(9, 3, 16, device=device)
    assert torch.equal(both[0][9:], both[1][9:])
    assert not torch.equal(both[0][:9], both[1][:9])
