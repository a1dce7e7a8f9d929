"""Flash Linear Attention's gated delta rule equals ours, forward and backward; skipped where it is not installed.

On a CPU its kernels run in Triton's interpreter.
"""

import gc
import inspect
import sys
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from src.decoder.layer_state import Rotaries
from src.descriptions import DeltaDescription, NormDescription
from src.kernels.chunks import Span, chunks_of
from src.kernels.gated_delta_rule import gated_delta_rule, short_convolution
from src.kernels.heads import Sequences
from src.kernels.levels import levels_of
from src.planner.delta import DeltaShape, flash_delta_tensors
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples, packed, reference, worst_error

OF = DeltaDescription(heads=2, key_heads=1, key_width=8, width=12, kernel=4, norm=NormDescription(1e-6))
ALONE = [(0, 70, range(0)), (70, 73, range(0)), (73, 150, range(0)), (150, 151, range(0))]
BEHIND = [
    (0, 66, range(0)),
    (66, 70, range(66)),
    (70, 140, range(66)),
    (140, 142, range(0)),
    (142, 147, range(140, 142)),
    (147, 148, range(140, 142)),
]
CHAIN = [(0, 5, range(0)), (5, 9, range(5)), (9, 15, range(5, 9))]


class Index(int):
    """A loop's number, which kernels widen as they do a compiled one."""

    def to(self, _: Any) -> "Index":
        return self


@pytest.fixture(autouse=True)
def flash(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip without the library; where its kernels are interpreted, let each have one way to run: none is timed."""
    pytest.importorskip("fla.ops.gated_delta_rule", reason="needs flash-linear-attention", exc_type=ImportError)
    pytest.importorskip("fla.modules.causal_conv1d", exc_type=ImportError)
    if device.type == "cpu":
        for module in [module for name, module in sys.modules.items() if name.startswith("fla.")]:
            monkeypatch.setattr(module, "range", lambda *bounds: map(Index, range(*bounds)), raising=False)
            for kernel in list(vars(module).values()):
                while not isinstance(kernel, type) and hasattr(kernel, "fn"):
                    if isinstance(getattr(kernel, "configs", None), list):
                        kernel.configs = kernel.configs[:1]
                    kernel = kernel.fn


def given(tokens: int, device: torch.device, dtype: torch.dtype) -> list[torch.Tensor]:
    """Queries, keys and values before the convolution, its weight, decays and rates, with gradients."""
    torch.manual_seed(0)
    made = [
        torch.randn(tokens, OF.mixed).to(dtype),
        torch.randn(OF.mixed, OF.kernel) / 2,
        -torch.rand(tokens, OF.heads),
        torch.rand(tokens, OF.heads),
    ]
    return [x.to(device).requires_grad_() for x in made]


def by_torch(tensors: list[torch.Tensor], spans: list[Span], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    qkv, weight, decays, rates = tensors
    chunks = chunks_of(spans, device, OF.kernel - 1)
    mixed = nn.functional.silu(short_convolution(qkv.float(), weight, chunks))
    queries, keys, values = torch.split(mixed, [OF.keys, OF.keys, OF.values], dim=1)
    queries, keys = (x.reshape(len(x), OF.key_heads, OF.key_width) for x in (queries, keys))
    queries, keys = (x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-6) for x in (queries, keys))
    values = values.reshape(len(values), OF.heads, OF.width)
    read, states = gated_delta_rule(queries * OF.key_width**-0.5, keys, values, decays, rates, chunks, True)
    assert states is not None
    return read, states


@pytest.mark.parametrize("spans", [ALONE, BEHIND, CHAIN], ids=["alone", "behind others", "chain"])
def test_equals_our_operations_of_torch(device: torch.device, exact: float, spans: list[Span]) -> None:
    from src.kernels.cuda.gated_delta_rule import flash_gated_delta_rule

    most = max(exact, 1e-4)
    theirs = given(spans[-1][1], device, torch.float32)
    wanted, wanted_states = by_torch(theirs, spans, device)
    ours = [x.detach().requires_grad_() for x in theirs]
    read, states = flash_gated_delta_rule(*ours, OF, levels_of(spans, device), keeps_last=True)
    assert states is not None
    assert (read - wanted).norm() <= most * wanted.norm()
    assert (states - wanted_states).norm() <= most * wanted_states.norm()
    weight, of_states = torch.randn_like(read), torch.randn_like(states)
    found = torch.autograd.grad((read * weight).sum() + (states * of_states).sum(), ours)
    expected = torch.autograd.grad((wanted * weight).sum() + (wanted_states * of_states).sum(), theirs)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() <= most * other.norm()


def test_without_the_states_nothing_else_changes(device: torch.device) -> None:
    from src.kernels.cuda.gated_delta_rule import flash_gated_delta_rule

    dtype = torch.bfloat16 if device.type == "cuda" else torch.float16  # the interpreter has no arithmetic of bf16
    tensors, levels = given(BEHIND[-1][1], device, dtype), levels_of(BEHIND, device)
    with torch.no_grad():
        read, states = flash_gated_delta_rule(*tensors, OF, levels)
        again, kept = flash_gated_delta_rule(*tensors, OF, levels, keeps_last=True)
        wanted, _ = by_torch(tensors, BEHIND, device)
    assert states is None
    assert kept is not None
    assert kept.dtype == torch.float32
    assert read.dtype == dtype
    assert torch.equal(read, again)
    assert (read.float() - wanted).norm() <= 2e-2 * wanted.norm()


def test_the_library_takes_what_is_given_by_these_names() -> None:
    from fla.modules.causal_conv1d import causal_conv1d
    from fla.ops.gated_delta_rule import chunk_gated_delta_rule

    bounds = {"cu_seqlens", "cu_seqlens_cpu", "initial_state", "output_final_state"}
    rule = set(inspect.signature(chunk_gated_delta_rule).parameters)
    assert rule >= bounds | {"q", "k", "v", "g", "beta", "scale", "use_qk_l2norm_in_kernel"}
    assert set(inspect.signature(causal_conv1d).parameters) >= bounds | {"x", "weight", "activation"}


def test_the_backward_takes_what_is_planned(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 16 bit, to 5%; what the interpreter holds in cycles is collected in between."""
    if device.type == "cuda":
        pytest.skip("counts what a CPU allocates")
    from triton.runtime.interpreter import GridExecutor

    from src.decoder import gated_delta

    launch = GridExecutor.__call__

    def collected(self: Any, *arguments: Any, **named: Any) -> None:
        gc.collect()
        launch(self, *arguments, **named)

    monkeypatch.setattr(GridExecutor, "__call__", collected)
    monkeypatch.setattr(gated_delta, "flash_delta_obstacle", lambda *_: None)
    tokens, dtype = 128, torch.float16
    of = DeltaDescription(4, 2, 32, 32, kernel=4, norm=NormDescription(1e-6))
    values = {"conv1d": SimpleNamespace(weight=torch.randn(of.mixed, 1, 4, dtype=dtype))}
    values |= {"A_log": torch.zeros(4, dtype=dtype), "dt_bias": torch.zeros(4, dtype=dtype)}
    values |= {"norm": SimpleNamespace(weight=torch.ones(of.width, dtype=dtype))}
    delta = gated_delta.GatedDelta(SimpleNamespace(**values), of)
    mixed = torch.randn(tokens, of.mixed + of.values + 8).to(dtype)
    sequences = Sequences([0, 64, tokens], torch.arange(tokens), torch.full((tokens,), tokens))
    out, grad = (torch.ones(tokens, of.values, dtype=dtype) for _ in range(2))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        state = delta.forward(mixed, Rotaries({}), sequences, out, last=True)
        gc.collect()
        delta.backward(grad, state, Rotaries({}), sequences)
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]  # type: ignore[union-attr]
    changes = [one.nbytes() for one in sorted(events, key=lambda one: one.start_ns())]
    shape = DeltaShape(layers=1, keys=of.keys, values=of.values, heads=4, key_heads=2, kernel=4)
    planned = sum(flash_delta_tensors(shape, tokens, 2).values())
    assert max(accumulate(changes)) == pytest.approx(planned, rel=0.05)


@pytest.mark.parametrize(("lora", "shared"), [({}, 20), (None, 0)], ids=["adapted, shared beginning", "whole"])
def test_gradients_of_a_packed_model_equal_those_of_each_example_alone(
    device: torch.device, exact: float, lora: dict[str, Any] | None, shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from src.decoder import gated_delta

    items = examples([(30, 6), (25, 3), (70, 4)], shared=shared)  # from 16 on it is a level of its own
    expected = reference(adapted_model("qwen3_5_text", torch.float64, lora, **WRITTEN_OUT["qwen3_5_text"]), items)
    model = adapted_model("qwen3_5_text", torch.float32, lora, **WRITTEN_OUT["qwen3_5_text"]).to(device)
    monkeypatch.setattr(gated_delta, "flash_delta_obstacle", lambda *_: None)
    monkeypatch.setattr(gated_delta, "gated_delta_rule", None)  # a call would fail
    loss, found = packed(model, items, 200, shared=shared)
    most = max(exact, 1e-4)
    assert loss == pytest.approx(expected[0], rel=most)
    assert worst_error({name: x.cpu() for name, x in found.items()}, expected[1]) <= 10 * most


@pytest.mark.parametrize(("lora", "shared", "levels"), [({}, 20, 2), (None, 0, 1)], ids=["shared beginning", "alone"])
def test_blocks_are_counted_once_for_all_layers_and_from_the_hosts_numbers(
    device: torch.device, lora: dict[str, Any] | None, shared: int, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count by a GPU's numbers, or one in each layer, would have the host wait for the GPU."""
    from fla.ops.utils import index

    from src.decoder import gated_delta

    counted: list[str] = []
    count = index._segmented_arange
    monkeypatch.setattr(index, "_segmented_arange", lambda some: counted.append(some.device.type) or count(some))
    monkeypatch.setattr(gated_delta, "flash_delta_obstacle", lambda *_: None)
    layers = {"num_hidden_layers": 4, "layer_types": 3 * ["linear_attention"] + ["full_attention"]}
    model = adapted_model("qwen3_5_text", torch.float32, lora, **WRITTEN_OUT["qwen3_5_text"] | layers).to(device)
    packed(model, examples([(30, 6), (25, 3), (70, 4)], shared=shared), 200, shared=shared)
    assert counted == levels * ["cpu"]
