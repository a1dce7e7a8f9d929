"""A packed decoder on a GPU whose examples share their first tokens: as exact as without, and by graphs too."""

from typing import Any

import pytest
import torch

from src.decoder.captured_passes import CapturedPasses
from src.decoder.packed_decoder import PackedDecoder
from src.tests.packed_models import adapted_model, examples, packed, reference, worst_error

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")]

LENGTHS = [(57, 9), (37, 1), (60, 19), (39, 2), (150, 24), (129, 4), (210, 30), (90, 8)]
SHARED = 35
WIDE = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 16}


def in_bf16(family: str, dropout: float = 0.0) -> Any:
    """Return a model in bf16 with adapters in float32."""
    model = adapted_model(family, torch.bfloat16, {"lora_dropout": dropout}, **WIDE)
    for parameter in model.parameters():
        parameter.data = parameter.data.float() if parameter.requires_grad else parameter.data
    return model


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_bf16_is_as_exact_as_with_whole_examples(family: str) -> None:
    """Both against float32 on one whole example at a time; with filler, in one micro-batch and in several."""
    items = examples(LENGTHS, shared=SHARED)
    _, expected = reference(in_bf16(family).float(), items)

    def error(shared: int, capacity: int) -> float:
        _, got = packed(in_bf16(family).cuda(), items, capacity, multiple=64, shared=shared)
        return worst_error({name: gradient.cpu() for name, gradient in got.items()}, expected)

    for capacity in (1024, 256):
        assert error(SHARED, capacity) <= 1.5 * error(0, capacity) < 0.3


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_graphs_give_the_bits_of_single_operations(dropout: float) -> None:
    items = examples(LENGTHS, shared=SHARED)
    model = in_bf16("qwen3", dropout).cuda()
    decoder = PackedDecoder(model)
    passes, single = CapturedPasses(decoder, 256), CapturedPasses(decoder, 256)
    single.obstacle = "nothing is to be captured"
    loss, expected = packed(model, items, 256, 64, (3, 5), decoder, SHARED, single)
    assert single.captured == 0
    for _ in range(3):  # the very first micro-batch runs by single operations
        got_loss, got = packed(model, items, 256, 64, (3, 5), decoder, SHARED, passes)
        assert got_loss == loss
        assert all(torch.equal(got[name], gradient) for name, gradient in expected.items())
    assert passes.obstacle is None
    assert passes._branch is not None
    assert passes.captured == len(passes.sizes) > 1
