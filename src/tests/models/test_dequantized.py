"""The cached 4-bit layer equals bitsandbytes' own, bit for bit."""

from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from torch import nn

from src.models.dequantized import CachedLinear4bit, dequantized_bytes, linear4bit_layers, prepare_linear4bit
from src.tests.tiny_models import load_tiny, logits, reloaded, tiny_config, train_tiny, write_tiny_model

INPUT, OUTPUT = 128, 192


def linear4bit(bias: bool, seed: int = 0) -> nn.Sequential:
    """Return a model of one NF4 layer with double quantization."""
    torch.manual_seed(seed)
    plain = nn.Linear(INPUT, OUTPUT, bias=bias)
    layer = bnb.nn.Linear4bit(INPUT, OUTPUT, bias=bias, quant_type="nf4", compress_statistics=True)
    layer.load_state_dict(plain.state_dict())
    return nn.Sequential(layer).to("cpu")


@pytest.mark.parametrize("shape", [(1, INPUT), (7, INPUT), (2, 5, INPUT), (1, 1, INPUT)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("compute", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
def test_outputs_and_gradients_equal_bitsandbytes_own(
    shape: tuple[int, ...], bias: bool, compute: torch.dtype, given: torch.dtype
) -> None:
    own, cached = linear4bit(bias), linear4bit(bias)
    assert prepare_linear4bit(own, compute, "off") is False
    assert prepare_linear4bit(cached, compute, "on") is True
    assert type(own[0]) is bnb.nn.Linear4bit
    assert type(cached[0]) is CachedLinear4bit
    x = torch.randn(shape, dtype=given)
    upstream = torch.randn(*shape[:-1], OUTPUT, dtype=given)
    results = []
    for model in (own, cached):
        leaf = x.clone().requires_grad_()
        output = model(leaf)
        output.backward(upstream)
        with torch.no_grad():
            results.append((output.detach(), leaf.grad, model(x)))
    for theirs, ours in zip(*results, strict=True):
        assert theirs is not None
        assert ours.dtype == theirs.dtype == given
        assert torch.equal(ours, theirs)


def test_a_cached_layer_is_still_a_4_bit_layer_with_the_same_state(tmp_path: Path) -> None:
    model = linear4bit(bias=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    prepare_linear4bit(model, torch.float32, "on")
    assert isinstance(model[0], bnb.nn.Linear4bit)
    assert linear4bit_layers(model) == [model[0]]
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert model[0].dequantized.shape == (OUTPUT, INPUT)
    assert not model[0].dequantized.requires_grad


def test_bytes_are_counted() -> None:
    assert dequantized_bytes(linear4bit(bias=True), torch.bfloat16) == 128 * 192 * 2
    assert dequantized_bytes(linear4bit(bias=True), torch.float32) == 128 * 192 * 4
    assert dequantized_bytes(nn.Linear(3, 3), torch.float32) == 0


def test_auto_caches_on_a_cpu_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prepare_linear4bit(linear4bit(bias=True), torch.float32, "auto") is True
    monkeypatch.setattr("src.models.dequantized._SHARE_OF_FREE_MEMORY", 1e-12)  # as if next to nothing were free
    assert prepare_linear4bit(linear4bit(bias=True), torch.float32, "auto") is False
    assert prepare_linear4bit(linear4bit(bias=True), torch.float32, "on") is True


@pytest.mark.parametrize("cache", ["auto", "on", "off"])
def test_a_model_without_4_bit_layers_is_left_alone(cache: str) -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    assert prepare_linear4bit(model, torch.float32, cache) is False
    assert type(model[0]) is nn.Linear


def test_the_repacking_of_avx512_is_off() -> None:
    model = linear4bit(bias=False)
    model[0].support_avx512bf16_for_cpu = True  # as on a CPU that has it
    prepare_linear4bit(model, torch.bfloat16, "off")
    assert model[0].support_avx512bf16_for_cpu is False


def test_a_whole_training_is_the_same_with_and_without_the_cache(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", "qwen3")
    results = []
    for cache in ("on", "off"):
        config = tiny_config(folder, tmp_path / cache, lora__cache_dequantized=cache, training__max_steps=2)
        model, tokenizer = load_tiny(config)
        trained = train_tiny(config, model, tokenizer)
        results.append(logits(model))
        config.lora.cache_dequantized = "off" if cache == "on" else "on"
        results.append(logits(reloaded(config, trained)))
    # Layers' outputs are equal bit for bit (above); the order of sums in the logits after two steps is not.
    assert all(torch.allclose(result, results[0], atol=1e-4) for result in results)
