"""The packed decoder against autograd on one example at a time."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.batches.packing import StepPacker
from src.decoder.packed_decoder import PackedDecoder
from src.tests.packed_models import (
    SEVEN,
    WRITTEN_OUT,
    Items,
    adapted_model,
    examples,
    packed,
    reference,
    worst_error,
)
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model

LENGTHS = [(37, 9), (12, 1), (20, 19), (3, 2), (130, 24), (9, 4)]  # one response of a token; one beyond a query block
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
Lora = dict[str, Any] | None
MODELS: dict[str, tuple[str, dict[str, Any], Lora]] = {
    "llama": ("llama", {}, {}),
    "llama untied, as many key heads": ("llama", {"tie_word_embeddings": False, "num_key_value_heads": 4}, {}),
    "llama, one key head, wide heads": ("llama", {"num_key_value_heads": 1, "head_dim": 24}, {}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}, {}),
    "llama 3's rotary scaling": ("llama", {"rope_parameters": LLAMA3_ROPE}, {}),
    "qwen2": ("qwen2", {}, {}),
    "qwen2 untied": ("qwen2", {"tie_word_embeddings": False}, {}),
    "qwen3": ("qwen3", {"head_dim": 16}, {}),
    "qwen3 untied, as many key heads": (
        "qwen3", {"head_dim": 8, "tie_word_embeddings": False, "num_key_value_heads": 4}, {}
    ),
    "qwen2 with a window": ("qwen2", {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": 11}, {}),
    "gemma 3": ("gemma3_text", WRITTEN_OUT["gemma3_text"], {}),
    "gemma 3 untied, one key head": (
        "gemma3_text", {**WRITTEN_OUT["gemma3_text"], "tie_word_embeddings": False, "num_key_value_heads": 1}, {}
    ),
    "gemma 4": ("gemma4_text", WRITTEN_OUT["gemma4_text"], {}),
    "gemma 4 untied, values of their own, uncapped": (
        "gemma4_text",
        {
            **WRITTEN_OUT["gemma4_text"],
            "tie_word_embeddings": False,
            "attention_k_eq_v": False,
            "final_logit_softcapping": None,
        },
        {"rank_pattern": {"k_proj": 2, "v_proj": 7}},
    ),
    "gemma 4's 12B": ("gemma4_unified_text", WRITTEN_OUT["gemma4_unified_text"], {}),
    "exaone 4": ("exaone4", WRITTEN_OUT["exaone4"], {}),
    "exaone 4 without windows": ("exaone4", {"sliding_window": None, "layer_types": ["full_attention"] * 2}, {}),
    "mistral": ("mistral", WRITTEN_OUT["mistral"], {}),
    "mistral without a window": ("mistral", {"sliding_window": None}, {}),
    "ministral": ("ministral", WRITTEN_OUT["ministral"], {}),
    "ministral 3": ("ministral3", WRITTEN_OUT["ministral3"], {}),
    "smollm3": ("smollm3", WRITTEN_OUT["smollm3"], {}),
    "hyperclova x": ("hyperclovax", WRITTEN_OUT["hyperclovax"], {}),
    "granite": ("granite", WRITTEN_OUT["granite"], {}),
    "qwen3.5": ("qwen3_5_text", WRITTEN_OUT["qwen3_5_text"], {}),
    "qwen3.5 with adapters on attention and MLP only": (
        "qwen3_5_text", WRITTEN_OUT["qwen3_5_text"], {"target_modules": SEVEN}
    ),
    "qwen3.5 untied, ranks of their own": (
        "qwen3_5_text",
        {**WRITTEN_OUT["qwen3_5_text"], "tie_word_embeddings": False, "linear_num_key_heads": 4},
        {"rank_pattern": {"in_proj_a": 2, "out_proj": 7, "q_proj": 3}},
    ),
    "attention only": ("llama", {}, {"target_modules": ["q_proj", "v_proj"]}),
    "one product without, one with some": ("qwen3", {"head_dim": 8}, {"target_modules": ["o_proj", "up_proj"]}),
    "rsLoRA": ("llama", {}, {"use_rslora": True}),
    "ranks of their own": ("llama", {}, {"rank_pattern": {"k_proj": 2, "down_proj": 7}}),
    "whole llama": ("llama", {}, None),
    "whole llama, untied, as many key heads": ("llama", {"tie_word_embeddings": False, "num_key_value_heads": 4}, None),
    "whole llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}, None),
    "whole llama, a token of padding in the text": ("llama", {"pad_token_id": 67}, None),
    "whole qwen2": ("qwen2", {}, None),
    "whole qwen3": ("qwen3", {"head_dim": 16}, None),
    "whole gemma 3": ("gemma3_text", WRITTEN_OUT["gemma3_text"], None),
    "whole gemma 4": ("gemma4_text", WRITTEN_OUT["gemma4_text"], None),
    "whole gemma 4's 12B, untied": (
        "gemma4_unified_text", {**WRITTEN_OUT["gemma4_unified_text"], "tie_word_embeddings": False}, None
    ),
    "whole exaone 4": ("exaone4", WRITTEN_OUT["exaone4"], None),
    "whole hyperclova x": ("hyperclovax", WRITTEN_OUT["hyperclovax"], None),
    "whole granite, untied": ("granite", {**WRITTEN_OUT["granite"], "tie_word_embeddings": False}, None),
    "whole smollm3": ("smollm3", WRITTEN_OUT["smollm3"], None),
    "whole qwen3.5": ("qwen3_5_text", WRITTEN_OUT["qwen3_5_text"], None),
    "whole qwen3, untied": ("qwen3", {"head_dim": 8, "tie_word_embeddings": False}, None),
}  # fmt: skip
ADAPTED_OR_WHOLE = pytest.mark.parametrize("lora", [{}, None], ids=["adapted", "whole"])
Found = tuple[float, dict[str, torch.Tensor]]


@functools.cache
def unpacked(name: str) -> Found:
    """Return loss and gradients of a model of `MODELS` in float64, one example at a time."""
    family, config, lora = MODELS[name]
    return reference(adapted_model(family, torch.float64, lora, **config), examples(LENGTHS))


@functools.cache
def of_64_tokens(family: str, adapted: bool) -> Found:
    """Return loss and gradients of a model of `WRITTEN_OUT` in float64, in micro-batches of 64 tokens."""
    model = adapted_model(family, torch.float64, {} if adapted else None, **WRITTEN_OUT[family])
    return packed(model, examples(LENGTHS), capacity=64)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-9), (torch.float32, 1e-5)], ids=["float64", "float32"])
def test_loss_and_gradients_equal_the_unpacked_reference(name: str, dtype: torch.dtype, most: float) -> None:
    family, config, lora = MODELS[name]
    loss, expected = unpacked(name)
    got_loss, got = packed(adapted_model(family, dtype, lora, **config), examples(LENGTHS), capacity=64)
    assert got_loss == pytest.approx(loss, rel=most)
    assert worst_error(got, expected) <= most


@pytest.mark.parametrize("name", ["qwen3.5", "whole qwen3.5", "gemma 4", "whole gemma 4", "gemma 4's 12B"])
def test_loss_and_gradients_are_those_of_transformers_and_peft(name: str) -> None:
    family, config, lora = MODELS[name]
    items = examples(LENGTHS)
    loss, expected = reference(adapted_model(family, torch.float32, lora, **config), items, own=True)
    got_loss, got = packed(adapted_model(family, torch.float32, lora, **config), items, capacity=1000)
    assert got_loss == pytest.approx(loss, rel=1e-5)
    assert worst_error(got, expected) <= 1e-5


@pytest.mark.parametrize(
    "name",
    [
        *("llama", "qwen3", "gemma 3", "exaone 4", "qwen3.5"),
        *("whole llama", "whole qwen2", "whole qwen3", "whole gemma 3", "whole gemma 4", "whole qwen3.5"),
    ],
)
def test_bf16_is_as_exact_as_autocast(name: str) -> None:
    """Weights in bf16, adapters in float32, both against float64 with the weights that bf16 holds."""
    family, config, lora = MODELS[name]
    items = examples(LENGTHS)

    def rounded() -> Any:
        model = adapted_model(family, torch.bfloat16, lora, **config)
        for parameter in model.parameters() if lora is not None else ():
            parameter.data = parameter.data.float() if parameter.requires_grad else parameter.data
        return model

    _, expected = reference(rounded().double(), items)
    with torch.autocast("cpu", torch.bfloat16):
        _, usual = reference(rounded(), items)
    _, got = packed(rounded(), items, capacity=64)
    assert {gradient.dtype for gradient in got.values()} == {torch.bfloat16 if lora is None else torch.float32}
    factor = 1.5 if lora is None else 1.2  # a norm's gradient is few numbers, whose errors scatter more
    assert worst_error(got, expected) <= factor * worst_error(usual, expected)


@pytest.mark.parametrize("cache", ["on", "off"])
@pytest.mark.parametrize("family", ["qwen3", "gemma3_text", "gemma4_text", "qwen3_5_text"])
def test_a_4_bit_base(tmp_path: Path, family: str, cache: str) -> None:
    checkpoint = write_tiny_model(tmp_path / "base", family, **WRITTEN_OUT[family])
    config = tiny_config(checkpoint, lora__cache_dequantized=cache)
    model, tokenizer = load_tiny(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    data = tiny_dataset(tokenizer)
    items = [{name: data[i][name] for name in ("input_ids", "labels")} for i in range(4)]
    model.eval()
    loss, expected = reference(model, items)
    got_loss, got = packed(model, items, capacity=128)
    assert got_loss == pytest.approx(loss, rel=1e-5)
    assert worst_error(got, expected) <= 1e-5
    again_loss, again = reference(model, items)  # the model still computes what it did
    assert again_loss == pytest.approx(loss, rel=1e-6)
    assert worst_error(again, expected) <= 1e-5


@ADAPTED_OR_WHOLE
@pytest.mark.parametrize("capacity", [1, 37, 130, 211, 1000])
@pytest.mark.parametrize("family", ["qwen3", "gemma3_text", "gemma4_text", "exaone4", "qwen3_5_text"])
def test_neither_packing_nor_filler_changes_anything(family: str, capacity: int, lora: Lora) -> None:
    """A capacity of 1 gives every example, all of them longer, a micro-batch of its own."""
    model, items = adapted_model(family, torch.float64, lora, **WRITTEN_OUT[family]), examples(LENGTHS)
    loss, expected = of_64_tokens(family, lora is not None)
    for multiple in (1, 8):
        got_loss, got = packed(model, items, capacity, multiple)
        assert got_loss == pytest.approx(loss, rel=1e-12)
        assert worst_error(got, expected) <= 1e-11
    got_loss, got = packed(model, items[::-1], capacity)
    assert got_loss == pytest.approx(loss, rel=1e-12)
    assert worst_error(got, expected) <= 1e-11


@pytest.mark.parametrize(
    "name",
    [
        *("llama", "llama, one key head, wide heads", "qwen3", "gemma 3", "gemma 4", "exaone 4", "qwen3.5"),
        *("whole qwen2", "whole gemma 3", "whole qwen3.5"),
    ],
)
@pytest.mark.parametrize(("capacity", "multiple"), [(1000, 1), (120, 8), (44, 1)])
def test_tokens_that_all_examples_begin_with_are_computed_once(name: str, capacity: int, multiple: int) -> None:
    """The shared tokens get gradients from every example; 120 is less than the longest example, 44 than most."""
    family, config, lora = MODELS[name]
    items = examples([(57, 9), (32, 1), (40, 19), (23, 2), (150, 24), (29, 4)], shared=20)
    model = adapted_model(family, torch.float64, lora, **config)
    loss, expected = reference(model, items)
    got_loss, got = packed(model, items, capacity, multiple, shared=20)
    assert got_loss == pytest.approx(loss, rel=1e-9)
    assert worst_error(got, expected) <= 1e-9
    step = StepPacker(capacity, multiple, shared=20)(items)["micro_batches"]
    assert {batch.shared for batch in step} == {20}
    assert sum(len(batch.input_ids) - batch.filler for batch in step) == 331 - 20 * (6 - len(step))


@ADAPTED_OR_WHOLE
@pytest.mark.parametrize("family", ["llama", "gemma4_text", "qwen3_5_text"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_changed_example_leaves_the_others_losses_bit_equal(lora: Lora, family: str, place: int) -> None:
    """One of three examples alone carries targets; then another's tokens change, before it or after it."""
    model = adapted_model(family, torch.float32, lora, **WRITTEN_OUT[family])
    decoder = PackedDecoder(model)
    items = examples([(30, 6), (25, 5), (40, 7)])
    other = 0 if place else 1
    for number, item in enumerate(items):
        if number != place:
            item["labels"][:] = -100
    losses = []
    for some in (items, _with_other_tokens(items, other)):
        step = StepPacker(micro_batch_tokens=96)(some)
        assert len(step["micro_batches"]) == 1
        losses.append(decoder.add_gradients(step["micro_batches"][0], step["target_tokens"], None))
    assert torch.equal(losses[0], losses[1])
    batch = StepPacker(micro_batch_tokens=96)(_with_other_tokens(items, place))["micro_batches"][0]
    assert not torch.equal(decoder.add_gradients(batch, 6, None), losses[0])


def _with_other_tokens(items: Items, number: int) -> Items:
    changed = {**items[number], "input_ids": (items[number]["input_ids"] + 1) % 90}
    return [changed if place == number else item for place, item in enumerate(items)]


@ADAPTED_OR_WHOLE
def test_a_micro_batch_without_a_target_adds_nothing(lora: Lora) -> None:
    model, items = adapted_model("llama", torch.float32, lora), examples([(30, 6), (25, 5)])
    expected = packed(model, items, 1000)[1]
    items.append({"input_ids": items[0]["input_ids"], "labels": torch.full((30,), -100)})
    loss, got = packed(model, items, capacity=30)
    assert loss > 0
    assert worst_error(got, expected) <= 1e-5


@pytest.mark.parametrize("lora", [{"lora_dropout": 0.1}, None], ids=["adapted", "whole"])
def test_gradients_add_up_and_runs_are_bit_identical(lora: Lora) -> None:
    items = examples(LENGTHS)
    results = []
    for _ in range(2):
        model = adapted_model("llama", torch.float32, lora)
        results.append(packed(model, items, capacity=100, dropout_key=(3, 4)))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(gradient, results[1][1][name]) for name, gradient in results[0][1].items())
    model = adapted_model("llama", torch.float64, None if lora is None else {})
    once = packed(model, items, capacity=1000)[1]
    decoder, step = PackedDecoder(model), StepPacker(1000)(items)
    model.zero_grad()
    for _ in range(2):
        decoder.add_gradients(step["micro_batches"][0], step["target_tokens"], None)
    assert all(torch.allclose(p.grad, 2 * once[n], rtol=1e-12) for n, p in model.named_parameters() if p.requires_grad)
