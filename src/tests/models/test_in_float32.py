"""A 16-bit model in float32 for a while: what it computes, what it leaves behind, and what is called rounding."""

import copy

import pytest
import torch

from src.models import in_float32 as module
from src.models.autocast import autocast
from src.models.in_float32 import FromFloat32, float32_fits, in_float32, is_rounding
from src.tests.packed_models import WRITTEN_OUT, adapted_model
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model

IDS = torch.arange(10)[None]


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "qwen3_5_text"])
def test_it_computes_in_float32_and_leaves_no_trace(family: str) -> None:
    model = adapted_model(family, torch.bfloat16, {}, **WRITTEN_OUT[family])
    wide = copy.deepcopy(model).float()
    embedding = wide.get_input_embeddings()
    if hasattr(embedding, "embed_scale"):  # 32**0.5, which the embeddings round at each use
        embedding.embed_scale = torch.tensor(5.65625)
    before = {name: (tensor.data_ptr(), tensor.dtype) for name, tensor in model.state_dict(keep_vars=True).items()}
    with autocast(model), torch.no_grad():
        narrow = model(input_ids=IDS).logits
        with in_float32(model):
            found = model(input_ids=IDS).logits
        again = model(input_ids=IDS).logits
    assert found.dtype == torch.float32
    assert torch.equal(found, wide(input_ids=IDS).logits)
    assert not torch.equal(found, narrow.float())
    assert torch.equal(narrow, again)
    after = {name: (tensor.data_ptr(), tensor.dtype) for name, tensor in model.state_dict(keep_vars=True).items()}
    assert after == before


def test_gradients_are_in_float32_too() -> None:
    model = adapted_model("llama", torch.bfloat16, None)
    weight = model.model.layers[0].mlp.up_proj.weight
    with autocast(model):
        model(input_ids=IDS, labels=IDS).loss.backward()
    weight.grad = None
    found = []
    handle = weight.register_post_accumulate_grad_hook(lambda p: found.append(p.grad))
    with in_float32(model):
        model(input_ids=IDS, labels=IDS).loss.backward()
    handle.remove()
    model.zero_grad()
    wide = copy.deepcopy(model).float()
    wide(input_ids=IDS, labels=IDS).loss.backward()
    assert torch.equal(found[0], wide.model.layers[0].mlp.up_proj.weight.grad)


@pytest.mark.parametrize("tied", [True, False])
def test_where_weights_are_cut_no_table_stands_in_float32(tied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted_model("llama", torch.bfloat16, {}, tie_word_embeddings=tied)
    wide, tables = copy.deepcopy(model).float(), (model.get_input_embeddings(), model.get_output_embeddings())
    expected = wide(input_ids=IDS, labels=IDS)
    expected.loss.backward()
    monkeypatch.setattr(module, "shared_layers_of", lambda model: object())
    monkeypatch.setattr(module, "_ROWS", 20)
    rows, kept, gradients = tables[1].weight.shape, [], {}
    names = {parameter: name for name, parameter in model.named_parameters() if parameter.requires_grad}
    handles = [p.register_post_accumulate_grad_hook(lambda p: gradients.update({names[p]: p.grad})) for p in names]
    with in_float32(model):
        assert {table.weight.dtype for table in tables} == {torch.bfloat16}
        with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one.shape) or one, lambda one: one):
            found = model(input_ids=IDS, labels=IDS)
        found.loss.backward()
    for handle in handles:
        handle.remove()
    assert found.logits.dtype == torch.float32
    assert torch.allclose(found.logits, expected.logits, rtol=1e-5, atol=1e-6)
    assert len(gradients) == len(names)
    for name, gradient in gradients.items():
        right = wide.get_parameter(name).grad
        assert (gradient - right).norm() < 1e-5 * right.norm(), name
    assert not {rows, rows[::-1]} & set(kept)
    assert not any("forward" in vars(table) or table._forward_hooks for table in tables)
    narrow = sum(4 * p.numel() for p in {*model.parameters(), *model.buffers()} if p.dtype == torch.bfloat16)
    stays = sum(4 * weight.numel() for weight in {table.weight for table in tables})
    monkeypatch.setattr(module, "gathered", lambda fits: [fits])
    monkeypatch.setattr(module, "free_bytes", lambda device: 2 * (narrow - stays))
    assert float32_fits(model)


@pytest.mark.parametrize("cached", ["on", "off"])
def test_4_bit_weights_are_taken_as_they_are(tmp_path, bf16_machine, cached: str) -> None:
    config = tiny_config(write_tiny_model(tmp_path / "base"), model__dtype="bf16", lora__cache_dequantized=cached)
    model = load_tiny(config)[0].eval()
    layer = model.get_base_model().model.layers[0].mlp.up_proj.base_layer
    x = torch.randn(3, layer.in_features)
    with torch.no_grad():
        narrow = layer(x)
        with in_float32(model):
            wide = layer(x)
        again = layer(x)
    assert torch.equal(narrow, again)
    assert 0 < (wide - narrow).norm() < 0.02 * wide.norm()
    assert layer.compute_dtype == torch.bfloat16


def test_it_fits_where_half_of_the_free_memory_holds_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted_model("llama", torch.bfloat16, None)
    wide = 4 * sum(tensor.numel() for tensor in [*model.parameters(), *model.buffers()])
    for free, fits in ((2 * wide, True), (2 * wide - 2, False)):
        monkeypatch.setattr(module, "free_bytes", lambda device, free=free: free)
        assert float32_fits(model) is fits
    assert not float32_fits(adapted_model("llama", torch.float32, None))


def test_what_rounding_is() -> None:
    own = FromFloat32(0.1, 1.0)
    assert is_rounding(FromFloat32(0.14, 1.02), own)
    assert not is_rounding(FromFloat32(0.17, 1.0), own)  # further than the model's own
    assert not is_rounding(FromFloat32(0.14, 0.9), own)  # a tenth is left out
    assert not is_rounding(FromFloat32(0.5, 1.0), FromFloat32(0.6, 1.0))  # such rounding hides anything
    assert not is_rounding(FromFloat32(float("nan"), 1.0), own)
    assert FromFloat32.of(difference=0.25, product=2.0, size=4.0) == FromFloat32(0.25, 0.5)
