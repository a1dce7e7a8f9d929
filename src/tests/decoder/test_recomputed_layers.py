"""Layers that are computed again in the backward: their losses and gradients are those of layers that are kept."""

import pytest
import torch

from src.decoder.packed_decoder import PackedDecoder
from src.tests.decoder.test_packed_decoder import LENGTHS, Lora
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples, packed, worst_error

KEY, DROPOUT = (42, 7), 0.2


@pytest.mark.parametrize(
    ("dropout_key", "lora"),
    [(None, {"lora_dropout": DROPOUT}), (KEY, {"lora_dropout": DROPOUT}), (None, None)],
    ids=["adapted", "dropout", "whole"],
)
@pytest.mark.parametrize("kept_layers", [0, 1])
@pytest.mark.parametrize("family", ["qwen3", "gemma3_text", "gemma4_text", "exaone4", "hyperclovax", "qwen3_5_text"])
def test_recomputation_changes_nothing(
    family: str, kept_layers: int, dropout_key: tuple[int, int] | None, lora: Lora
) -> None:
    model, items = adapted_model(family, torch.float64, lora, **WRITTEN_OUT[family]), examples(LENGTHS)
    loss, expected = packed(model, items, 64, 1, dropout_key)
    decoder = PackedDecoder(model, kept_layers=kept_layers)
    got_loss, got = packed(model, items, 64, 1, dropout_key, decoder)
    assert got_loss == loss
    assert worst_error(got, expected) <= 1e-12
