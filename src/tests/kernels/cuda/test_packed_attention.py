"""Packed attention in Triton equals the CPU's, forward and backward, with and without norms of the heads.

Where tokens are shared, it equals whole examples under autograd.
"""

from dataclasses import replace

import pytest
import torch

from src.kernels.heads import AttentionShape, HeadNorms, Sequences
from src.kernels.packed_attention import packed_attention
from src.kernels.packed_attention import packed_attention_backward as backward
from src.tests.kernels.attention_reference import groups_of, reference, rotary_of, sequences_of


def on_device(sequences: Sequences, device: torch.device) -> Sequences:
    before = None if sequences.before is None else sequences.before.to(device)
    return replace(sequences, positions=sequences.positions.to(device), ends=sequences.ends.to(device), before=before)


# Seconds in Triton's interpreter, and next to nothing on a GPU.
INTERPRETED = [] if torch.cuda.is_available() else [pytest.mark.long]
# The last column: an older card's blocks are smaller.
CASES = [
    ([0, 5], AttentionShape(2, 1, 16), False, False),
    ([0, 1, 2, 40], AttentionShape(3, 3, 16), True, False),
    ([0, 70, 73, 150], AttentionShape(2, 1, 16), False, False),  # blocks of 64 and 32 with whole and cut sequences
    ([0, 70, 73, 150], AttentionShape(2, 2, 16), False, True),
    ([0, 32, 64, 96], AttentionShape(3, 1, 32), True, False),
    ([0, 40, 43, 80], AttentionShape(2, 1, 16, 0.3, window=1), True, False),
    pytest.param([0, 70, 73, 230], AttentionShape(2, 1, 16, window=40), False, False, marks=INTERPRETED),
    ([0, 50, 53, 100], AttentionShape(2, 2, 16, window=20), True, True),
    ([0, 70], AttentionShape(2, 1, 256, window=36), True, False),
    pytest.param([0, 20, 40], AttentionShape(2, 1, 512), True, False, id="wide"),
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
    compare(sequences_of(starts), shape, normalized, torch.float32, device, exact)


# Blocks are 64 queries and 32 keys: groups within one, across several, of one token, without a continuation.
GROUPS = [
    (groups_of([5, 2, 3], [4, 1], [3]), AttentionShape(2, 1, 16), False, False),
    pytest.param(
        groups_of([70, 3, 90, 1], [2, 9, 9], [40, 30, 30]), AttentionShape(3, 1, 16), True, False, marks=INTERPRETED
    ),  # norms and blocks of the row with a window
    (groups_of([40, 3, 50, 1], [2, 9, 9], [20, 15, 15]), AttentionShape(2, 2, 16), False, True),
    pytest.param(groups_of([1, 64, 64], [64, 1, 1, 1]), AttentionShape(4, 2, 16), False, False, marks=INTERPRETED),
    pytest.param(
        groups_of([70, 3, 90, 1], [2, 9, 9], [40, 30, 30]),
        AttentionShape(3, 1, 16, window=33),
        True,
        False,
        marks=INTERPRETED,
    ),
]


@pytest.mark.filterwarnings("ignore:overflow encountered in exp2:RuntimeWarning")  # of pairs that are masked
@pytest.mark.parametrize(("groups", "shape", "normalized", "old_card"), GROUPS)
def test_groups_equal_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    exact: float,
    groups: Sequences,
    shape: AttentionShape,
    normalized: bool,
    old_card: bool,
) -> None:
    from src.kernels.cuda import packed_flash

    if old_card:
        monkeypatch.setattr(packed_flash, "capability", lambda device: (7, 5))
    compare(groups, shape, normalized, torch.float32, device, exact)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("starts", "shared"), [([0, 3, 40], 0), ([0, 20, 21, 60], 20)])
def test_equals_the_cpu_in_16_bit(device: torch.device, dtype: torch.dtype, starts: list[int], shared: int) -> None:
    if device.type == "cpu" and dtype == torch.bfloat16:
        pytest.skip("Triton's interpreter multiplies bfloat16 as integers")
    compare(sequences_of(starts, shared), AttentionShape(2, 1, 16), True, dtype, device, 2e-2)


def compare(
    here: Sequences,
    shape: AttentionShape,
    normalized: bool,
    dtype: torch.dtype,
    device: torch.device,
    most: float,
) -> None:
    from src.kernels.cuda import packed_attention as cuda

    torch.manual_seed(0)
    tokens, inner = here.starts[-1], shape.heads * shape.width
    there = on_device(here, device)
    cos, sin = rotary_of(here, shape.width, dtype)
    plus_one = shape.window is not None
    norms = HeadNorms(torch.randn(2, shape.width, dtype=dtype), 1e-6, plus_one=plus_one) if normalized else None
    norms_there = HeadNorms(norms.weights.to(device), 1e-6, plus_one=plus_one) if norms else None
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
    ([0, 20, 25, 26, 61, 64], AttentionShape(2, 1, 16), False, False),
    pytest.param(  # more filler than shared tokens, as in the row with a window
        [0, 35, 36, 120, 121, 122, 190, 256], AttentionShape(3, 1, 16), True, False, marks=INTERPRETED
    ),
    ([0, 70, 160, 163, 164], AttentionShape(2, 2, 16), False, False),
    pytest.param([0, 64, 65, 140, 192], AttentionShape(4, 2, 16), False, False, marks=INTERPRETED),
    ([0, 133, 134, 135, 136, 200], AttentionShape(2, 1, 16), False, False),  # a block of one-token sequences
    ([0, 35, 36, 120, 150], AttentionShape(3, 1, 16), False, True),
    ([0, 1, 30, 31, 40], AttentionShape(2, 1, 16), False, False),
    ([0, 20, 25, 26, 61, 64], AttentionShape(2, 1, 16, window=12), True, False),
    pytest.param(
        [0, 35, 36, 120, 121, 122, 190, 256], AttentionShape(3, 1, 16, window=40), True, False, marks=INTERPRETED
    ),
    ([0, 69, 70, 71, 72, 110], AttentionShape(2, 1, 16, window=50), False, True),
]


@pytest.mark.filterwarnings("ignore:overflow encountered in exp2:RuntimeWarning")  # of pairs that are masked
@pytest.mark.parametrize(("starts", "shape", "normalized", "old_card"), SHARED)
def test_shared_tokens_stand_before_each_example(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    exact: float,
    starts: list[int],
    shape: AttentionShape,
    normalized: bool,
    old_card: bool,
) -> None:
    """Forward and gradients in float32 equal those of whole examples in float64; filler gets no gradient at all."""
    from src.kernels.cuda import packed_attention as cuda
    from src.kernels.cuda import packed_flash

    monkeypatch.setattr(packed_flash, "_CHUNK", 64)  # of several even here
    if old_card:
        monkeypatch.setattr(packed_flash, "capability", lambda device: (7, 5))
    torch.manual_seed(0)
    tokens, own, inner = starts[-1], starts[-2], shape.heads * shape.width
    here = sequences_of(starts, shared=starts[1], filler=True)
    rotary = rotary_of(here, shape.width)
    weights = torch.randn(2, shape.width, dtype=torch.float64)
    qkv = torch.randn(tokens, shape.columns, dtype=torch.float64)
    qkv[own:] *= 1000  # so that a weight overflows if its row's sum lacks a key
    leaf = qkv.requires_grad_()
    norms = HeadNorms(weights.clone().requires_grad_(), 1e-6) if normalized else None
    wanted = reference(leaf, rotary, here, shape, norms)
    grad = torch.randn(tokens, inner, dtype=torch.float64)
    grad[own:] = 0
    wanted_grads = torch.autograd.grad(wanted, [leaf] if norms is None else [leaf, norms.weights], grad)

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(device, torch.float32)

    norms_there = HeadNorms(moved(weights), 1e-6, moved(torch.zeros(2 * shape.width))) if normalized else None
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
