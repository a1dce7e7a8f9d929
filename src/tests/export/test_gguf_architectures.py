"""Each architecture as GGUF: llama.cpp computes our logits, and what it would compute otherwise is refused."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from src.errors import YoyakError
from src.export.gguf_architectures import GGUF_ARCHITECTURES
from src.export.gguf_model import refuse_unwritten, write_model_gguf
from src.export.gguf_read import read_model_gguf
from src.tests.export.llama_cpp_sync import native_logits
from src.tests.export.small_models import IDS, logits_of, small_model, splitting_tokenizer

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 128}
GLOBAL_LINEAR = {
    "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
}
# 64 layers, as the 32B model, by whose number of layers llama.cpp knows that it has windows.
WINDOWS_OF_64: dict[str, Any] = {
    "num_hidden_layers": 64,
    "layer_types": None,
    "sliding_window": 4,
    "sliding_window_pattern": 4,
    "initializer_range": 0.05,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in GGUF_ARCHITECTURES},
    "untied gemma3_text": ("gemma3_text", {"tie_word_embeddings": False}),
    "gemma3_text with linear scaling": ("gemma3_text", {"rope_parameters": GLOBAL_LINEAR, "head_dim": 32}),
    "exaone4 with windows": ("exaone4", WINDOWS_OF_64),
    "exaone4 with llama3 scaling": ("exaone4", {"rope_parameters": LLAMA3_ROPE}),
    "granite with biases": ("granite", {"attention_bias": True, "mlp_bias": True}),
    "qwen3 with yarn": ("qwen3", {"rope_parameters": YARN}),
    "mistral with a head width of its own": ("mistral", {"head_dim": 32}),
}


def model_of(family: str, **settings: Any) -> Any:
    if family == "gemma3_text":
        settings = {"query_pre_attn_scalar": settings.get("head_dim", 256), **settings}
    return small_model(family, **{"tie_word_embeddings": True, **settings})


def write(path: Path, model: Any) -> dict[str, Any]:
    """Write a model in float32; return the file's fields."""
    tokenizer = splitting_tokenizer()
    write_model_gguf(path, model, tokenizer, "f32", name="small", end_id=261, add_bos=False, chat_template=None)
    return {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}


def tensor_of(path: Path, name: str) -> np.ndarray:
    return next(tensor.data for tensor in gguf.GGUFReader(path).tensors if tensor.name == name)


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_back_computes_the_same(tmp_path: Path, case: str) -> None:
    family, settings = CASES[case]
    model = model_of(family, **settings)
    write(tmp_path / "m.gguf", model)
    again = read_model_gguf(tmp_path / "m.gguf", type(model), model.config, torch.float32)
    assert torch.allclose(logits_of(again), logits_of(model), atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_llama_cpp_computes_the_same(tmp_path: Path, case: str) -> None:
    family, settings = CASES[case]
    model = model_of(family, **settings)
    write(tmp_path / "m.gguf", model)
    ours, theirs = logits_of(model)[0].numpy(), native_logits(tmp_path / "m.gguf", IDS[0].tolist())
    assert np.linalg.norm(ours - theirs) / np.linalg.norm(ours) < 2e-3  # its GELU is a table in float16


def test_norms_that_are_one_plus_weight_are_stored_whole(tmp_path: Path) -> None:
    model = model_of("gemma3_text")
    write(tmp_path / "m.gguf", model)
    layer = model.model.layers[1]
    stored = {
        "blk.1.attn_norm": layer.input_layernorm,
        "blk.1.post_attention_norm": layer.post_attention_layernorm,
        "blk.1.ffn_norm": layer.pre_feedforward_layernorm,
        "blk.1.post_ffw_norm": layer.post_feedforward_layernorm,
        "blk.1.attn_q_norm": layer.self_attn.q_norm,
        "output_norm": model.model.norm,
    }
    for name, norm in stored.items():
        assert np.array_equal(tensor_of(tmp_path / "m.gguf", f"{name}.weight"), 1 + norm.weight.detach().numpy()), name


def test_settings_of_each_kind(tmp_path: Path) -> None:
    of_gemma = write(tmp_path / "g.gguf", model_of("gemma3_text", rope_parameters=GLOBAL_LINEAR))
    expected = {
        "general.architecture": "gemma3",
        "gemma3.attention.sliding_window": 4,
        "gemma3.attention.sliding_window_pattern": [True, True, True, True, True, False],
        "gemma3.rope.freq_base": 1e6,
        "gemma3.rope.freq_base_swa": 10_000.0,
        "gemma3.rope.scaling.type": "linear",
        "gemma3.rope.scaling.factor": 8.0,
        "gemma3.attention.key_length": 256,
    }
    assert {name: of_gemma[name] for name in expected} == expected
    of_granite = write(tmp_path / "r.gguf", model_of("granite"))
    expected = {
        "general.architecture": "granite",
        "granite.attention.scale": 0.2,
        "granite.embedding_scale": 3.0,
        "granite.residual_scale": 0.4,
        "granite.logit_scale": 2.5,
    }
    assert {name: of_granite[name] for name in expected} == pytest.approx(expected)
    of_ministral = write(tmp_path / "i.gguf", model_of("ministral3"))
    expected = {
        "general.architecture": "mistral3",
        "mistral3.attention.temperature_scale": 0.5,
        "mistral3.rope.scaling.original_context_length": 4,
        "mistral3.rope.scaling.yarn_log_multiplier": 1.0,
    }
    assert {name: of_ministral[name] for name in expected} == expected
    assert write(tmp_path / "m.gguf", model_of("mistral"))["general.architecture"] == "llama"
    assert "exaone4.attention.sliding_window" not in write(tmp_path / "e.gguf", model_of("exaone4"))


@pytest.mark.parametrize(
    ("family", "settings", "said"),
    [
        ("mistral", {"sliding_window": 8}, "attention in a sliding window as in layer 0 for mistral models"),
        (
            "exaone4",
            {"num_hidden_layers": 4, "layer_types": None, "sliding_window": 8, "sliding_window_pattern": 4},
            "attention in a sliding window as in layer 0 for exaone4 models",
        ),
        ("smollm3", {"no_rope_layers": [1, 1, 0, 1]}, "rotary positions as in layer 2 for smollm3 models"),
        (
            "gemma3_text",
            {"layer_types": ["sliding_attention"] * 3 + ["full_attention"] * 3},
            "attention in a sliding window as in layer 3 for gemma3_text models",
        ),
        ("gemma3_text", {"query_pre_attn_scalar": 260}, "scores scaled as in layer 0 for gemma3_text models"),
        ("gemma3_text", {"attention_bias": True}, "biases as in layer 0 for gemma3_text models"),
        (
            "gemma3_text",
            {"rope_parameters": GLOBAL_LINEAR | {"sliding_attention": {"rope_type": "default", "rope_theta": 2e4}}},
            "these rotary positions in layers with a sliding window for gemma3_text models",
        ),
        ("smollm3", {"attention_bias": True}, "biases as in layer 0 for smollm3 models"),
        ("qwen3", {"attention_bias": True}, "biases as in layer 0 for qwen3 models"),
        ("qwen2", {"rope_parameters": LLAMA3_ROPE}, "rotary scaling llama3 for qwen2 models"),
        ("llama", {"rope_parameters": YARN | {"beta_fast": 16.0}}, "yarn with settings of its own for llama models"),
        (
            "ministral3",
            {"rope_parameters": YARN | {"llama_4_scaling_beta": 0.1}},
            "yarn with settings of its own for ministral3 models",
        ),
        ("llama", {"rope_parameters": YARN | {"mscale": 1.0}}, "yarn with settings of its own for llama models"),
    ],
)
def test_what_llama_cpp_computes_otherwise_is_refused(family: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(YoyakError) as caught:
        refuse_unwritten(model_of(family, **settings))
    assert str(caught.value) == f"GGUF: llama.cpp does not compute {said}; export merged"


def test_what_no_description_has_is_refused() -> None:
    with pytest.raises(YoyakError) as caught:
        refuse_unwritten(model_of("gemma3_text", final_logit_softcapping=30.0))
    words = "final_logit_softcapping = 30.0 in its config is not written out"
    assert str(caught.value) == f"GGUF: {words}; export merged"


@pytest.mark.parametrize("family", ["hyperclovax", "ministral"])
def test_what_the_format_does_not_have_is_one_line(family: str) -> None:
    with pytest.raises(YoyakError) as caught:
        refuse_unwritten(small_model(family, head_dim=16))
    assert str(caught.value) == (
        f"GGUF: {family} models are not written here, only llama, mistral, qwen2, qwen3, gemma3_text, exaone4, "
        "smollm3, granite, ministral3; export merged, and see whether llama.cpp's convert_hf_to_gguf.py knows them"
    )


def test_transformers_reads_gemmas_windows(tmp_path: Path) -> None:
    model = model_of("gemma3_text")
    write(tmp_path / "m.gguf", model)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="m.gguf", dtype=torch.float32).eval()
    assert again.config.sliding_window == 4
    assert again.config.layer_types == model.config.layer_types
    assert torch.equal(logits_of(again), logits_of(model))
