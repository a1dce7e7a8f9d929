"""Two micro-batches at a time on a CPU."""

import itertools
from typing import Any

import pytest
import torch

from src.data.batches.packing import StepPacker
from src.decoder.packed_decoder import PackedDecoder
from src.decoder.side_by_side import SideBySide, runs_side_by_side
from src.tests.packed_models import WRITTEN_OUT, Items, adapted_model, examples, gradients, packed, worst_error

LENGTHS = [(57, 9), (32, 1), (40, 19), (23, 2), (150, 24), (29, 4), (61, 8)]


@pytest.fixture(autouse=True)
def _two_threads(one_thread: None) -> None:
    """Set after the room's own fixture, which puts the number back."""
    torch.set_num_threads(2)


def side_by_side(
    model: Any, items: Items, capacity: int, key: tuple[int, int] | None, side: SideBySide | None = None
) -> tuple[float, dict[str, torch.Tensor]]:
    """Return what `packed` does, by two micro-batches at a time."""
    step = StepPacker(capacity, shared=20, side_by_side=2)(items)
    model.zero_grad()
    side = side or SideBySide(PackedDecoder(model))
    loss = side.add_gradients(step["micro_batches"], step["target_tokens"], key)
    return loss.item() / step["target_tokens"], gradients(model)


KEYS = {"no dropout": None, "dropout": (3, 4)}
CAPACITIES = [1000, 170, 60]  # two micro-batches, four, one for each example
# Every kind of model once, and of one kind every way; the rest is slow.
ALWAYS = {(family, 170, "dropout") for family in WRITTEN_OUT} | {
    ("llama", size, key) for size in CAPACITIES for key in KEYS
}
WAYS = [
    pytest.param(family, size, KEYS[key], id=f"{key}-{size}-{family}", marks=[] if always else [pytest.mark.slow])
    for family, size, key in itertools.product(WRITTEN_OUT, CAPACITIES, KEYS)
    for always in [(family, size, key) in ALWAYS]
]


@pytest.mark.parametrize(("family", "capacity", "key"), WAYS)
def test_loss_and_gradients_are_those_of_one_at_a_time(family: str, capacity: int, key: tuple[int, int] | None) -> None:
    items = examples(LENGTHS, shared=20)
    model = adapted_model(family, torch.float64, {"lora_dropout": 0.1}, **WRITTEN_OUT[family])
    loss, expected = packed(model, items, capacity, shared=20, dropout_key=key)
    side = SideBySide(PackedDecoder(model))
    for _ in range(2 if family == "llama" else 1):  # sums begin at zero in each step, whatever the model
        got_loss, got = side_by_side(model, items, capacity, key, side)
        assert got_loss == pytest.approx(loss, rel=1e-12)
        assert worst_error(got, expected) <= 1e-11


def test_runs_are_bit_identical() -> None:
    items = examples(LENGTHS, shared=20)
    model = adapted_model("llama", torch.float32, {"lora_dropout": 0.1})
    first = side_by_side(model, items, 100, (3, 4))
    for _ in range(10):
        again = side_by_side(model, items, 100, (3, 4))
        assert again[0] == first[0]
        assert all(torch.equal(gradient, again[1][name]) for name, gradient in first[1].items())


def test_adapters_values_of_a_later_step_are_taken_over() -> None:
    items = examples(LENGTHS, shared=20)
    model = adapted_model("llama", torch.float64, {})
    side = SideBySide(PackedDecoder(model))
    before = side_by_side(model, items, 100, None, side)[0]
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.mul_(1.5)
    loss, got = side_by_side(model, items, 100, None, side)
    expected_loss, expected = packed(model, items, 100, shared=20)
    assert loss != before
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    assert worst_error(got, expected) <= 1e-11


@pytest.mark.parametrize("thread", [0, 1])
def test_an_error_in_either_thread_comes_out(thread: int) -> None:
    """The number of threads is what it was before."""
    items = examples(LENGTHS, shared=20)
    model = adapted_model("llama", torch.float32, {})
    side = SideBySide(PackedDecoder(model))
    step = StepPacker(100, side_by_side=2)(items)
    step["micro_batches"][thread].places[0, 3] = 10_000  # no such token
    with pytest.raises(IndexError):
        side.add_gradients(step["micro_batches"], step["target_tokens"], None)
    assert torch.get_num_threads() == 2
    loss, _ = side_by_side(model, items, 100, None, side)
    assert loss == pytest.approx(packed(model, items, 100, shared=20)[0], rel=1e-5)


def test_which_models_run_side_by_side() -> None:
    adapted, whole = adapted_model("llama", torch.float32, {}), adapted_model("llama", torch.float32, None)
    assert runs_side_by_side(PackedDecoder(adapted))
    assert not runs_side_by_side(PackedDecoder(whole))  # its gradients are as large as the model
    torch.set_num_threads(1)
    assert not runs_side_by_side(PackedDecoder(adapted))
