"""Packed attention in Triton equals the CPU's, forward and backward.

Where tokens are shared, it equals whole examples under autograd. Norms and rotation take a token at a time, which is
most of the time in Triton's interpreter: `test_rotary` tests them, and here only rows of few tokens have them. In the
others cosines are one and sines zero, and only `packed_flash` runs.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch

from src.kernels.heads import AttentionShape, HeadNorms, Rotary, Sequences
from src.kernels.packed_attention import packed_attention as on_the_cpu
from src.kernels.packed_attention import packed_attention_backward as backward
from src.tests.kernels.attention_reference import groups_of, reference, rotary_of, sequences_of


def on_device(sequences: Sequences, device: torch.device) -> Sequences:
    before = None if sequences.before is None else sequences.before.to(device)
    return replace(sequences, positions=sequences.positions.to(device), ends=sequences.ends.to(device), before=before)


def unturned(sequences: Sequences, width: int, dtype: torch.dtype = torch.float64) -> Rotary:
    """Return cosines and sines (tokens, width / 2) that leave heads as they are."""
    ones = torch.ones(sequences.starts[-1], width // 2, dtype=dtype)
    return ones, 0 * ones


class FlashAlone:
    """The launchers of `packed_flash` with the arguments of `kernels.cuda.packed_attention`, for heads as they are."""

    @staticmethod
    def packed_attention(
        qkv: torch.Tensor, rotary: Rotary, sequences: Sequences, shape: AttentionShape, norms: None, out: torch.Tensor
    ) -> Any:
        from src.kernels.cuda.packed_attention import FlashState
        from src.kernels.cuda.packed_flash import flash_forward

        queries, keys, values = qkv.view(len(qkv), -1, shape.width).split([shape.heads, *[shape.key_heads] * 2], dim=1)
        behind = sequences.shared, sequences.before, shape.scale, shape.window
        log_sums = flash_forward((queries, keys, values), sequences.positions, out, *behind)
        return FlashState((queries, keys, values), out, log_sums, None, None)

    @staticmethod
    def packed_attention_backward(
        grad: torch.Tensor, state: Any, rotary: Rotary, sequences: Sequences, shape: AttentionShape, norms: None
    ) -> torch.Tensor:
        from src.kernels.cuda.packed_flash import flash_backward

        places, behind = (sequences.positions, sequences.ends), (sequences.shared, sequences.before)
        grads = flash_backward(
            grad, state.heads, *places, state.output, state.log_sums, *behind, shape.scale, shape.window
        )
        return torch.cat(grads, dim=1).view(len(grad), -1)


# The column before the last: whether heads are "turned" by their positions, "normed" before that, or "flash" is alone.
# The last: an older card's blocks are smaller.
CASES = [
    ([0, 5], AttentionShape(2, 1, 16), "turned", False),
    ([0, 1, 2, 9], AttentionShape(3, 3, 16), "normed", False),
    ([0, 3, 7], AttentionShape(2, 1, 16, 0.3, window=2), "normed", False),
    ([0, 1, 2, 40], AttentionShape(3, 3, 16), "flash", False),
    ([0, 70, 73, 150], AttentionShape(2, 1, 16), "flash", False),  # blocks of 64 and 32, whole and cut sequences
    ([0, 70, 73, 150], AttentionShape(2, 2, 16), "flash", True),
    ([0, 32, 64, 96], AttentionShape(3, 1, 32), "flash", False),
    ([0, 40, 43, 80], AttentionShape(2, 1, 16, 0.3, window=1), "flash", False),
    ([0, 70, 73, 230], AttentionShape(2, 1, 16, window=40), "flash", False),
    ([0, 50, 53, 100], AttentionShape(2, 2, 16, window=20), "flash", True),
    ([0, 70], AttentionShape(2, 1, 256, window=36), "flash", False),
    pytest.param([0, 20, 40], AttentionShape(2, 1, 512), "flash", False, id="wide"),
]


@pytest.mark.parametrize(("starts", "shape", "kind", "old_card"), CASES)
def test_equals_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    exact: float,
    starts: list[int],
    shape: AttentionShape,
    kind: str,
    old_card: bool,
) -> None:
    from src.kernels.cuda import packed_flash

    if old_card:
        monkeypatch.setattr(packed_flash, "capability", lambda device: (7, 5))
    compare(sequences_of(starts), shape, kind, torch.float32, device, exact)


# Blocks are 64 queries and 32 keys: groups within one, across several, of one token, without a continuation.
GROUPS = [
    (groups_of([5, 2, 3], [4, 1], [3]), AttentionShape(2, 1, 16), "turned", False),
    (groups_of([70, 3, 90, 1], [2, 9, 9], [40, 30, 30]), AttentionShape(3, 1, 16), "flash", False),
    (groups_of([40, 3, 50, 1], [2, 9, 9], [20, 15, 15]), AttentionShape(2, 2, 16), "flash", True),
    (groups_of([1, 64, 64], [64, 1, 1, 1]), AttentionShape(4, 2, 16), "flash", False),
    (groups_of([70, 3, 90, 1], [2, 9, 9], [40, 30, 30]), AttentionShape(3, 1, 16, window=33), "flash", False),
]


@pytest.mark.filterwarnings("ignore:overflow encountered in exp2:RuntimeWarning")  # of pairs that are masked
@pytest.mark.parametrize(("groups", "shape", "kind", "old_card"), GROUPS)
def test_groups_equal_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    exact: float,
    groups: Sequences,
    shape: AttentionShape,
    kind: str,
    old_card: bool,
) -> None:
    from src.kernels.cuda import packed_flash

    if old_card:
        monkeypatch.setattr(packed_flash, "capability", lambda device: (7, 5))
    compare(groups, shape, kind, torch.float32, device, exact)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("starts", "shared", "kind"), [([0, 3, 9], 0, "normed"), ([0, 3, 40], 0, "flash"), ([0, 20, 21, 60], 20, "flash")]
)
def test_equals_the_cpu_in_16_bit(
    device: torch.device, dtype: torch.dtype, starts: list[int], shared: int, kind: str
) -> None:
    if device.type == "cpu" and dtype == torch.bfloat16:
        pytest.skip("Triton's interpreter multiplies bfloat16 as integers")
    compare(sequences_of(starts, shared), AttentionShape(2, 1, 16), kind, dtype, device, 2e-2)


def compare(
    here: Sequences,
    shape: AttentionShape,
    kind: str,
    dtype: torch.dtype,
    device: torch.device,
    most: float,
) -> None:
    from src.kernels.cuda import packed_attention

    torch.manual_seed(0)
    cuda: Any = FlashAlone if kind == "flash" else packed_attention
    tokens, inner = here.starts[-1], shape.heads * shape.width
    there = on_device(here, device)
    cos, sin = unturned(here, shape.width, dtype) if kind == "flash" else rotary_of(here, shape.width, dtype)
    plus_one = shape.window is not None
    norms = HeadNorms(torch.randn(2, shape.width, dtype=dtype), 1e-6, plus_one=plus_one) if kind == "normed" else None
    norms_there = HeadNorms(norms.weights.to(device), 1e-6, plus_one=plus_one) if norms else None
    if norms and norms_there:  # whose weights train
        norms.gradient = torch.ones(2 * shape.width, dtype=dtype)
        norms_there.gradient = norms.gradient.to(device, copy=True)
    rotary_there = cos.to(device), sin.to(device)
    qkv, grad = torch.randn(tokens, shape.columns, dtype=dtype), torch.randn(tokens, inner + 3, dtype=dtype)
    wanted, wide = torch.empty(tokens, inner, dtype=dtype), torch.zeros(tokens, inner + 3, dtype=dtype, device=device)
    copied = qkv.to(device, copy=True)
    state = on_the_cpu(qkv, (cos, sin), here, shape, norms, wanted)
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
    buffer, positions = torch.randn(20, 3, 16, device=device), sequences_of([0, 9, 20]).positions.to(device)
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


# Blocks are 64 queries and 32 keys, and for the keys' gradients 32 and 64; an older card's are smaller. The last
# sequence is filler.
SHARED = [
    ([0, 4, 6, 7, 13, 15], AttentionShape(2, 1, 16, window=5), "normed", False),
    ([0, 20, 25, 26, 61, 64], AttentionShape(2, 1, 16), "flash", False),
    ([0, 35, 36, 120, 121, 122, 190, 256], AttentionShape(3, 1, 16), "flash", False),  # more filler than shared tokens
    ([0, 70, 160, 163, 164], AttentionShape(2, 2, 16), "flash", False),
    ([0, 64, 65, 140, 192], AttentionShape(4, 2, 16), "flash", False),
    ([0, 133, 134, 135, 136, 200], AttentionShape(2, 1, 16), "flash", False),  # a block of one-token sequences
    ([0, 35, 36, 120, 150], AttentionShape(3, 1, 16), "flash", True),
    ([0, 1, 30, 31, 40], AttentionShape(2, 1, 16), "flash", False),
    ([0, 20, 25, 26, 61, 64], AttentionShape(2, 1, 16, window=12), "flash", False),
    ([0, 35, 36, 120, 121, 122, 190, 256], AttentionShape(3, 1, 16, window=40), "flash", False),
    ([0, 69, 70, 71, 72, 110], AttentionShape(2, 1, 16, window=50), "flash", True),
]


@pytest.mark.filterwarnings("ignore:overflow encountered in exp2:RuntimeWarning")  # of pairs that are masked
@pytest.mark.parametrize(("starts", "shape", "kind", "old_card"), SHARED)
def test_shared_tokens_stand_before_each_example(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    exact: float,
    starts: list[int],
    shape: AttentionShape,
    kind: str,
    old_card: bool,
) -> None:
    """Forward and gradients in float32 equal those of whole examples in float64; filler gets no gradient at all."""
    from src.kernels.cuda import packed_attention, packed_flash

    cuda: Any = FlashAlone if kind == "flash" else packed_attention
    monkeypatch.setattr(packed_flash, "_CHUNK", 64)  # of several even here
    if old_card:
        monkeypatch.setattr(packed_flash, "capability", lambda device: (7, 5))
    torch.manual_seed(0)
    tokens, own, inner = starts[-1], starts[-2], shape.heads * shape.width
    here = sequences_of(starts, shared=starts[1], filler=True)
    rotary = unturned(here, shape.width) if kind == "flash" else rotary_of(here, shape.width)
    weights = torch.randn(2, shape.width, dtype=torch.float64)
    qkv = torch.randn(tokens, shape.columns, dtype=torch.float64)
    qkv[own:] *= 1000  # so that a weight overflows if its row's sum lacks a key
    leaf = qkv.requires_grad_()
    norms = HeadNorms(weights.clone().requires_grad_(), 1e-6) if kind == "normed" else None
    wanted = reference(leaf, rotary, here, shape, norms)
    grad = torch.randn(tokens, inner, dtype=torch.float64)
    grad[own:] = 0
    wanted_grads = torch.autograd.grad(wanted, [leaf] if norms is None else [leaf, norms.weights], grad)

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(device, torch.float32)

    norms_there = HeadNorms(moved(weights), 1e-6, moved(torch.zeros(2 * shape.width))) if norms else None
    there, rotary_there = on_device(here, device), (moved(rotary[0]), moved(rotary[1]))
    out = torch.empty(tokens, inner, device=device)
    state = cuda.packed_attention(moved(leaf), rotary_there, there, shape, norms_there, out)
    assert torch.allclose(out.cpu().double()[:own], wanted[:own], rtol=exact, atol=exact)
    assert out.isfinite().all()
    got = cuda.packed_attention_backward(moved(grad), state, rotary_there, there, shape, norms_there)
    for rows in (slice(0, starts[1]), slice(starts[1], own)):
        for columns in torch.arange(shape.columns).split([inner, *[shape.key_heads * shape.width] * 2]):
            some, expected = got.cpu().double()[rows, columns], wanted_grads[0][rows, columns]
            assert (some - expected).norm() < exact * max(1, expected.norm())
    assert not got[own:].any()
    if norms_there:
        assert norms_there.gradient is not None
        total = norms_there.gradient.cpu().double().view(2, -1)
        assert (total - wanted_grads[1]).norm() / wanted_grads[1].norm() < exact
