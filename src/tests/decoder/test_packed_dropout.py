"""Dropout of the packed decoder against masks under autograd, one example at a time."""

from typing import Any

import pytest
import torch
from torch import nn

from src.kernels.dropout import DroppedPlaces
from src.models.causal_head import head_kind
from src.tests.decoder.test_packed_decoder import LENGTHS
from src.tests.packed_models import SEVEN, WRITTEN_OUT, adapted_model, examples, packed, reference, worst_error

KEY, DROPOUT = (42, 7), 0.2
TOGETHER = (SEVEN[:3], SEVEN[3:4], SEVEN[4:6], SEVEN[6:])
INPUT_INDEX = {name: index for index, names in enumerate(TOGETHER) for name in names}
INPUT_INDEX |= dict.fromkeys(("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a"), 0) | {"out_proj": 1}


class _Masked(nn.Module):
    """Drops from an adapter's input what `DroppedPlaces` says for the example that is computed."""

    places: DroppedPlaces

    def __init__(self, layer: int, input_index: int) -> None:
        super().__init__()
        self.layer, self.input_index = layer, input_index

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = _Masked.places.drops[4 * self.layer + self.input_index](torch.ones_like(x[0]))
        return x * mask / (1 - DROPOUT)


def dropout_reference(model: Any, items: Any) -> tuple[float, dict[str, torch.Tensor]]:
    """Return loss and gradients, one example at a time, each with the places of its number in the step."""
    head_kind(model.get_base_model())  # tried out on a few tokens, before there are masks for whole examples
    for name, module in model.named_modules():
        if name.endswith("lora_dropout"):
            layer, projection = int(name.split("layers.")[1].split(".")[0]), name.split(".")[-2]
            module["default"] = _Masked(layer, INPUT_INDEX[projection])
    targets = sum(int((item["labels"][1:] != -100).sum()) for item in items)
    config = model.get_base_model().config
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * 2
    heads = {kind: layer.head_dim for kind, layer in zip(kinds, config.per_layer_config, strict=True)}
    attended = {kind: config.num_attention_heads * width for kind, width in heads.items()}
    if hasattr(config, "linear_value_head_dim"):
        attended["linear_attention"] = config.linear_num_value_heads * config.linear_value_head_dim
    widths = [
        width
        for kind in kinds
        for width in (
            config.hidden_size,
            attended[kind],
            config.hidden_size,
            config.intermediate_size,
        )
    ]
    total, summed = 0.0, {}
    for number, item in enumerate(items):
        own = int((item["labels"][1:] != -100).sum())
        _Masked.places = DroppedPlaces(DROPOUT, KEY, [number], [0, len(item["input_ids"])], widths, 1)
        loss, gradients = reference(model, [item])
        total += loss * own / targets
        for name, gradient in gradients.items():
            summed[name] = summed.get(name, 0) + gradient * own / targets
    return total, summed


@pytest.mark.parametrize("lora", [{}, {"target_modules": ["k_proj", "down_proj"]}], ids=["all", "some"])
@pytest.mark.parametrize("capacity", [1, 64, 1000])
@pytest.mark.parametrize("family", ["llama", "gemma3_text", "gemma4_text", "qwen3_5_text"])
def test_dropout_drops_the_same_places_whatever_the_packing(family: str, capacity: int, lora: dict[str, Any]) -> None:
    items, settings = examples(LENGTHS), {**WRITTEN_OUT[family], "head_dim": 8}
    arguments = {"lora_dropout": DROPOUT, **lora}
    got_loss, got = packed(adapted_model(family, torch.float64, arguments, **settings), items, capacity, 8, KEY)
    loss, expected = dropout_reference(adapted_model(family, torch.float64, arguments, **settings), items)
    assert got_loss == pytest.approx(loss, rel=1e-12)
    assert worst_error(got, expected) <= 1e-9


def test_dropout_follows_seed_and_step_and_can_be_off() -> None:
    model, items = adapted_model("llama", torch.float64, {"lora_dropout": DROPOUT}), examples(LENGTHS)
    losses = [packed(model, items, 64, 1, key)[0] for key in (None, (42, 7), (42, 8), (43, 7), (42, 7))]
    assert len(set(losses[:4])) == 4
    assert losses[4] == losses[1]
    plain, _ = reference(model, items)
    assert losses[0] == pytest.approx(plain, rel=1e-12)


def test_shared_tokens_drop_the_same_places_whatever_the_packing() -> None:
    """Once for all examples of a step: the masks are those of a beginning of its own."""
    items = examples([(57, 9), (32, 1), (40, 19), (23, 2), (150, 24), (29, 4)], shared=20)

    def dropped(capacity: int, shared: int = 20) -> tuple[float, dict[str, torch.Tensor]]:
        model = adapted_model("llama", torch.float64, {"lora_dropout": DROPOUT})
        return packed(model, items, capacity, 8, KEY, shared=shared)

    loss, expected = dropped(1000)
    for capacity in (44, 120):
        got_loss, got = dropped(capacity)
        assert got_loss == pytest.approx(loss, rel=1e-12)
        assert worst_error(got, expected) <= 1e-9
    assert dropped(1000, shared=0)[0] != pytest.approx(loss, rel=1e-6)
