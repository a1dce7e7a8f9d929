"""What stands against training a model in the packed engine, in words."""

from pathlib import Path
from typing import Any

import pytest
import torch

from src.decoder.described_settings import Undescribed, check_settings
from src.decoder.packed_decoder import packing_obstacle
from src.tests.packed_models import SEVEN, WRITTEN_OUT, adapted_model
from src.tests.tiny_models import load_tiny, tiny_config, tiny_tokenizer, write_tiny_model


def test_obstacles() -> None:
    def obstacle(family: str = "llama", lora: dict[str, Any] | None = None, **config: Any) -> str | None:
        return packing_obstacle(adapted_model(family, torch.float32, lora or {}, **config))

    assert obstacle() is obstacle("qwen2") is obstacle("qwen3") is None
    assert packing_obstacle(adapted_model("llama", torch.float32, None)) is None
    frozen = adapted_model("llama", torch.float32, None)
    frozen.model.norm.weight.requires_grad = False
    assert packing_obstacle(frozen) == "some of its weights are frozen, without adapters"
    mixed = adapted_model("llama", torch.bfloat16, None)
    mixed.model.norm.float()
    assert packing_obstacle(mixed) == "its weights are of more than one type"
    assert obstacle(lora={"use_dora": True}) == "DoRA"
    assert obstacle(hidden_act="gelu") == "the activation GELUActivation is not written out"
    gemma = WRITTEN_OUT["gemma3_text"]
    assert obstacle("gemma3_text", **gemma) is None
    for name, value in (("final_logit_softcapping", 30.0), ("attn_logit_softcapping", 50.0)):
        words = f"{name} = {value} in its config is not written out"
        assert obstacle("gemma3_text", **gemma, **{name: value}) == words
    both = obstacle("gemma3_text", **gemma, use_bidirectional_attention=True)
    assert both == "use_bidirectional_attention = True in its config is not written out"
    gemma = WRITTEN_OUT["gemma4_text"]
    assert obstacle("gemma4_text", **gemma) is None
    by_layer = "embed_tokens_per_layer, per_layer_model_projection, per_layer_projection_norm"
    words = {
        f"the decoder has other parts: {by_layer}": {
            "hidden_size_per_layer_input": 4, "vocab_size_per_layer_input": 96
        },
        "layer 1 has keys and values of another layer": {
            "num_kv_shared_layers": 1, "layer_types": ["full_attention", "full_attention"]
        },
        "layer 0 attends to what comes after": {"use_bidirectional_attention": "all"},
        "Gemma4TextRouter (model.layers.0.router) is not written out": {
            "enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 16
        },
        "dropout of attention weights": {"attention_dropout": 0.1},
    }  # fmt: skip
    for expected, settings in words.items():
        assert obstacle("gemma4_text", **gemma | settings) == expected
    assert obstacle("gemma4_text", **gemma, use_bidirectional_attention="vision") is None
    config = adapted_model("gemma4_text", torch.float32, None, **gemma).config
    config.per_layer_config = {0: {"sliding_window": 3}}
    with pytest.raises(Undescribed, match="sliding_window differs by layer in its config"):
        check_settings(config)
    assert obstacle(attention_dropout=0.1) == "dropout of attention weights"
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    assert obstacle(rope_parameters=dynamic) == "its rotary positions depend on the longest sequence of a batch"
    rows = "adapters outside the layers (rows of added tokens)"
    assert obstacle(lora={"trainable_token_indices": [3]}) == rows
    assert obstacle(lora={"target_modules": [*SEVEN, "lm_head"]}, tie_word_embeddings=False) == rows
    off = adapted_model("llama", torch.float32, {})
    with off.disable_adapter():
        assert packing_obstacle(off) == "its adapter is switched off or merged"
    assert packing_obstacle(off) is None
    norm = adapted_model("llama", torch.float32, {})
    norm.get_base_model().model.norm.weight.requires_grad = True
    assert packing_obstacle(norm) == "weights outside the adapters train"


def test_added_control_tokens_are_an_obstacle(tmp_path: Path) -> None:
    checkpoint = write_tiny_model(tmp_path / "base", tokenizer=tiny_tokenizer(()))
    model, _ = load_tiny(tiny_config(checkpoint, model__chat_template="qwen"))
    assert packing_obstacle(model) == "adapters outside the layers (rows of added tokens)"


@pytest.mark.parametrize("cache", ["on", "off"])
def test_4_bit_weights_that_do_not_fit_dequantized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str) -> None:
    model, _ = load_tiny(tiny_config(write_tiny_model(tmp_path / "base"), lora__cache_dequantized=cache))
    assert packing_obstacle(model) is None
    monkeypatch.setattr("src.models.dequantized._SHARE_OF_FREE_MEMORY", 1e-12)
    expected = None if cache == "on" else "its weights don't fit in memory dequantized"
    assert packing_obstacle(model) == expected
