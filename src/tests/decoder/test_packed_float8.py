"""The packed decoder with frozen products in 8 bit: gradients near the exact ones, and what may not depend on it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.batches.packing import StepPacker
from src.decoder.packed_decoder import PackedDecoder
from src.errors import YoyakError
from src.models.compute import ComputeChoice
from src.tests.packed_models import adapted_model, examples, packed, worst_error
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model
from src.training.engine import choose_engine

LENGTHS = [(37, 9), (12, 1), (20, 19), (130, 24)]
MODELS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "llama": ("llama", {}, {}),
    "qwen2, with biases": ("qwen2", {}, {}),
    "qwen3": ("qwen3", {"head_dim": 16}, {}),
    "attention only": ("llama", {}, {"target_modules": ["q_proj", "v_proj"]}),
    "ranks of their own": ("llama", {}, {"rank_pattern": {"k_proj": 2, "down_proj": 7}}),
}


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_near_the_exact_ones(name: str) -> None:
    family, config, lora = MODELS[name]
    items = examples(LENGTHS)
    model = adapted_model(family, torch.float32, lora, **config)
    loss, expected = packed(model, items, capacity=64)
    before = [p.clone() for p in model.parameters()]
    got_loss, got = packed(model, items, capacity=64, decoder=PackedDecoder(model, float8=True))
    assert got_loss == pytest.approx(loss, rel=2e-2)
    assert got_loss != loss
    cosines = [torch.cosine_similarity(got[name].flatten(), value.flatten(), dim=0) for name, value in expected.items()]
    assert min(cosines) > 0.8  # each product is 4% off
    assert sum(cosines) / len(cosines) > 0.92
    assert all(torch.equal(p, was) for p, was in zip(model.parameters(), before, strict=True))
    again_loss, again = packed(model, items, capacity=64)  # the usual layers are still there
    assert (again_loss, worst_error(again, expected)) == (loss, 0.0)


def test_neither_packing_nor_filler_changes_more_than_rounding() -> None:
    """Scales are a token's own."""
    model, items = adapted_model("qwen3", torch.float32, {}, head_dim=8), examples(LENGTHS)
    decoder = PackedDecoder(model, float8=True)
    loss, expected = packed(model, items, capacity=64, decoder=decoder)
    for capacity, multiple in ((1, 1), (1000, 16)):
        got_loss, got = packed(model, items, capacity, multiple, decoder=decoder)
        assert got_loss == pytest.approx(loss, rel=1e-3)
        assert worst_error(got, expected) <= 0.05  # a sum in another order moves some numbers to the next of 8 bit


def test_recomputation_gives_the_same_gradients() -> None:
    model, items = adapted_model("llama", torch.float32, {}), examples(LENGTHS)
    results = []
    for kept_layers, keeps_inputs in ((2, True), (2, False), (0, False)):
        decoder = PackedDecoder(model, kept_layers, keeps_inputs, float8=True)
        results.append(packed(model, items, capacity=64, decoder=decoder)[1])
    for got in results[1:]:
        assert worst_error(got, results[0]) <= 1e-5


def test_a_4_bit_base_and_steps_that_change_b(tmp_path: Path) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"))
    model, _ = load_tiny(config)
    decoder, items = PackedDecoder(model, float8=True), examples(LENGTHS)
    step = StepPacker(64)(items)
    losses = []
    for _ in range(12):
        for index, batch in enumerate(step["micro_batches"]):
            losses.append(decoder.add_gradients(batch, step["target_tokens"], None, new_step=index == 0))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter -= 0.5 * parameter.grad
        model.zero_grad()
    count = len(step["micro_batches"])
    assert float(sum(losses[-count:])) < 0.9 * float(sum(losses[:count]))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "the model is not on a GPU"),
        ({"training__engine": "trainer"}, "training.engine is trainer"),
        ({"lora__use_lora": False, "lora__use_qlora": False}, "all weights train, none are frozen"),
        ({"lora__use_dora": True}, "DoRA"),
    ],
    ids=["cpu", "trainer", "whole", "dora"],
)
def test_where_it_can_not_be_had_one_line_says_so(tmp_path: Path, settings: dict[str, Any], line: str) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), training__base_precision="fp8", **settings)
    model, _ = load_tiny(config)
    with pytest.raises(YoyakError, match=rf"^training\.base_precision = fp8: {line}; leave it at compute$"):
        choose_engine(config.training, model, ComputeChoice("cpu", "fp32", "", 1))
