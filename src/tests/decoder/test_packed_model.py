"""What the packed decoder leaves of the model that it takes over: values, files and outputs."""

import pytest
import torch
from transformers.models.qwen3_5.modeling_qwen3_5 import Qwen3_5TextRotaryEmbedding

from src.decoder.fused_weights import Arena
from src.decoder.model_layers import decoder_layers
from src.decoder.packed_decoder import PackedDecoder
from src.tests.decoder.test_packed_decoder import ADAPTED_OR_WHOLE, LENGTHS, Lora
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples, packed, reference, worst_error


def test_layers_that_were_made_while_generating_train() -> None:
    model, items = adapted_model("llama", torch.float64, {}), examples(LENGTHS)
    with torch.inference_mode():
        layers = decoder_layers(model.get_base_model())
    decoder = PackedDecoder(model)
    assert decoder.layers is layers
    got = packed(model, items, 64, decoder=decoder)[1]
    assert worst_error(got, reference(adapted_model("llama", torch.float64, {}), items)[1]) <= 1e-9


def test_an_embedding_of_three_positions_is_given_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers 5.17 takes none else (`make test-oldest`); newer ones take one for all too."""
    forward, given = Qwen3_5TextRotaryEmbedding.forward, []

    def seen(self: Qwen3_5TextRotaryEmbedding, x: torch.Tensor, position_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given.append(position_ids.shape[:2])
        return forward(self, x, position_ids)

    monkeypatch.setattr(Qwen3_5TextRotaryEmbedding, "forward", seen)
    packed(adapted_model("qwen3_5_text", torch.float32, {}, **WRITTEN_OUT["qwen3_5_text"]), examples(LENGTHS), 64)
    assert {*given} == {(3, 1)}


@ADAPTED_OR_WHOLE
@pytest.mark.parametrize("family", WRITTEN_OUT)
def test_the_model_computes_and_saves_what_it_did(family: str, lora: Lora) -> None:
    """The weights move; their values, the adapter's file and the model's outputs stay."""
    model = adapted_model(family, torch.float32, lora, **WRITTEN_OUT[family])
    ids = torch.arange(20)[None]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = model(input_ids=ids).logits
    decoder = PackedDecoder(model)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert torch.allclose(model(input_ids=ids).logits, logits, atol=1e-6)
    packed(model, examples(LENGTHS), 64, decoder=decoder)
    with torch.no_grad():
        for parameter in decoder.parameters:
            parameter *= 1.1
    items = examples(LENGTHS)
    expected_loss, expected = reference(model, items)
    loss, got = packed(model, items, 64, decoder=decoder)  # the second step of this decoder
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert worst_error(got, expected) <= 1e-4  # both are float32


def test_weights_on_the_cpu_share_blocks_without_overlap() -> None:
    arena = Arena()
    first, second = arena.zeros(3, 5, torch.float32), arena.zeros(2, 7, torch.float32)
    large = arena.zeros(4096, 4097, torch.float32)  # larger than a block
    first.fill_(1)
    assert (first.shape, second.shape, large.shape) == ((3, 5), (2, 7), (4096, 4097))
    assert second.data_ptr() - first.data_ptr() == 64 * 4
    assert not second.any()
    assert arena.zeros(1, 1, torch.float64).dtype == torch.float64
