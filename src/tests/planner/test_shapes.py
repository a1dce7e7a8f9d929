"""Shapes of models from their configs, and where a config is looked for."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from src.architectures import LINEARS
from src.decoder.described import describe
from src.descriptions import DeltaDescription
from src.errors import YoyakError
from src.planner.job import TrainingJob
from src.planner.model_shape import ModelShape
from src.planner.other_heads import OtherHeads
from src.planner.shapes import cached_file, find_shape, shape_of_config
from src.tests.tiny_architectures import architecture_config
from src.written_classes import WRITTEN_TYPES

CONFIG = {
    "model_type": "llama",
    "vocab_size": 100,
    "hidden_size": 48,
    "intermediate_size": 112,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def test_what_a_config_says_and_its_defaults():
    plain = shape_of_config(CONFIG, "here")
    assert plain == ModelShape("llama", 100, 48, 112, 3, 4, 4, 12, tied=False, biases=False)
    more = {"num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": True, "attention_bias": True}
    assert shape_of_config(CONFIG | more, "here") == ModelShape("llama", 100, 48, 112, 3, 4, 2, 16, True, True)
    assert shape_of_config(CONFIG | {"model_type": "qwen2"}, "here").biases
    assert not shape_of_config(CONFIG | {"model_type": "qwen3"}, "here").biases
    assert shape_of_config(CONFIG | {"num_key_value_heads": None, "head_dim": None}, "here") == plain


def test_parameters_by_hand():
    shape = ModelShape("llama", 100, 48, 112, 3, 4, 2, 16, tied=True)
    # q and o 48 x 64, k and v 48 x 32, three of 48 x 112
    assert shape.linear_parameters == 3 * (2 * 3072 + 2 * 1536 + 3 * 5376)
    assert (shape.columns, shape.attended) == (128, 64)
    assert shape.table_parameters == 4800
    assert shape.other_parameters == 3 * 2 * 48 + 48
    assert shape.parameters == 76_032 + 4800 + 336
    qwen = ModelShape("qwen3", 100, 48, 112, 3, 4, 2, 16, tied=False, biases=True)
    assert qwen.table_parameters == 9600
    assert qwen.other_parameters == 3 * (2 * 48 + 2 * 16 + 128) + 48


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gpt2"}, "here: models of type gpt2 can't be planned; those of llama, qwen2, qwen3, "),
        ({key: value for key, value in CONFIG.items() if key != "vocab_size"}, "here: no usable 'vocab_size' in"),
        (CONFIG | {"hidden_size": "wide"}, "here: no usable"),
        (CONFIG | {"hidden_size": -4}, "here: no usable 'hidden_size' in"),
    ],
)
def test_what_is_no_shape_is_refused(config, message):
    with pytest.raises(YoyakError, match=message):
        shape_of_config(config, "here")


GEMMA_4B = {  # what the text part of a published config.json leaves out is transformers' default
    "model_type": "gemma3",
    "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "model_type": "gemma3_text",
        "num_hidden_layers": 34,
        "sliding_window": 1024,
    },
}


def test_the_text_part_of_gemma_3_4b():
    shape = shape_of_config(GEMMA_4B, "here")
    windows = (1024,) * 29  # 34 layers, of which each sixth sees all
    sizes = ("gemma3_text", 262_208, 2560, 10_240, 34, 8, 4, 256)
    assert shape == ModelShape(*sizes, tied=True, positions=131_072, windows=windows)
    assert (shape.norms, shape.head_norms, shape.norms_before, shape.norms_after) == (4, True, True, True)
    assert shape.table_parameters == 671_252_480
    assert 3.87e9 < shape.parameters < 3.89e9


@pytest.mark.parametrize("name", WRITTEN_TYPES)
def test_a_shape_is_that_of_the_description(name):
    """The planner has no torch: what it reads of a config is what `describe` reads of the built modules."""
    for settings in ({}, {"sliding_window": 9, "num_hidden_layers": 7}, {"tie_word_embeddings": False}):
        config = architecture_config(name, **settings)
        model = AutoModelForCausalLM.from_config(config)
        found, shape = describe(model), shape_of_config(config.to_dict(), name)
        layer, attention = found.layers[0], found.attentions[0]
        assert (shape.heads, shape.key_heads, shape.head_width) == (
            attention.heads,
            attention.key_heads,
            attention.width,
        )
        assert (shape.vocabulary, shape.width, shape.inner) == (found.vocabulary, found.width, layer.inner)
        assert (shape.layers, shape.tied) == (len(found.layers), found.tied)
        assert shape.head_norms == (attention.head_norms is not None)
        norms = (layer.before_attention, layer.after_attention, layer.before_mlp, layer.after_mlp)
        assert shape.norms == sum(norm is not None for norm in norms)
        assert (shape.norms_before, shape.norms_after) == (layer.before_mlp is not None, layer.after_mlp is not None)
        assert shape.biases == ("q_proj" in attention.biases)
        windows = [attention.window for attention in found.attentions]
        assert shape.attention_layers == len(windows)
        assert shape.gated == attention.gated
        assert shape.windows == tuple(window for window in windows if window is not None)
        assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
        for one in found.layers:
            if isinstance(one.attention, DeltaDescription):
                of, delta = one.attention, shape.delta
                assert delta is not None
                assert (delta.keys, delta.values, delta.mixed) == (of.keys, of.values, of.mixed)
                assert (delta.heads, delta.key_heads, delta.kernel) == (of.heads, of.key_heads, of.kernel)


GEMMA4 = {
    "model_type": "gemma4",
    "text_config": {
        "model_type": "gemma4_text",
        "hidden_size": 64,
        "num_hidden_layers": 7,
        "num_key_value_heads": 4,
        "head_dim": 16,
        "attention_k_eq_v": True,
        "num_global_key_value_heads": 1,
        "global_head_dim": 32,
        "hidden_size_per_layer_input": 0,
        "intermediate_size": 128,
        "vocab_size": 100,
    },
}


def test_heads_of_two_sizes():
    """As published, and as transformers writes the same config again."""
    shape = shape_of_config(GEMMA4, "here")
    window, whole = shape.kinds
    assert shape.other == OtherHeads(layers=2, key_heads=1, head_width=32, values=False)
    assert (window.layers, window.columns, window.attended, window.windows) == (5, 256, 128, (512,) * 5)
    assert (whole.layers, whole.columns, whole.attended, whole.windows) == (2, 320, 256, ())
    assert [matrix for matrix in shape.matrices if matrix[0] in ("q_proj", "v_proj")] == [
        ("q_proj", 64, 128, 5),
        ("v_proj", 64, 64, 5),
        ("q_proj", 64, 256, 2),
    ]
    config = AutoConfig.for_model(**GEMMA4["text_config"])
    model = AutoModelForCausalLM.from_config(config)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert shape_of_config(json.loads(config.to_json_string(use_diff=False)), "here") == shape


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"hidden_size_per_layer_input": None}, "hidden_size_per_layer_input"),  # left out, there are 256
        ({"num_kv_shared_layers": 2}, "num_kv_shared_layers"),
        ({"enable_moe_block": True}, "enable_moe_block"),
        ({"per_layer_config": {"0": {"head_dim": 32}}}, "layers of more sizes"),
    ],
)
def test_other_kinds_of_gemma_4_are_not_planned(settings, what):
    message = f"here: models of type gemma4_text with {what} can't be planned"
    with pytest.raises(YoyakError, match=message):
        shape_of_config(GEMMA4["text_config"] | settings, "here")


def test_what_a_config_leaves_out_is_transformers_default():
    for name, classes in WRITTEN_TYPES.items():
        usual = AutoConfig.for_model(name).to_dict()
        usual["sliding_window_pattern"] = usual.get("_sliding_window_pattern")
        assert {key: usual[key] for key in classes.usual} == classes.usual


# What their makers publish.
PARAMETERS = {
    "K-intelligence/Midm-2.0-Mini-Instruct": 2_305_517_312,
    "naver-hyperclovax/HyperCLOVAX-SEED-Text-Instruct-0.5B": 566_281_216,  # of 1,132,587,360 bytes in 16 bit
    "bundled:gemma3-270m": 268_098_176,
    "meta-llama/Llama-3.2-1B-Instruct": 1_235_814_400,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
}


@pytest.mark.parametrize("checkpoint", PARAMETERS)
def test_shipped_shapes_have_the_published_parameters(checkpoint):
    assert find_shape(checkpoint)[0].parameters == PARAMETERS[checkpoint]


@pytest.mark.parametrize("tied", [True, False])
def test_a_hybrids_parameters_are_those_that_transformers_builds(tied):
    config = architecture_config("qwen3_5_text", tie_word_embeddings=tied)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = shape_of_config(config.to_dict(), "tiny")
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    full = TrainingJob(shape, "full", "trainer", "bf16", 4, LINEARS, 0.0, "adamw_torch", 8, 1, True, None)
    assert full.trained == shape.parameters


def test_a_hybrids_matrices_by_hand():
    shape = find_shape("Qwen/Qwen3.5-4B")[0]
    assert shape.matrices == (
        ("q_proj", 2560, 8192, 8),  # 16 heads of 256, and a gate for each
        ("k_proj", 2560, 1024, 8),
        ("v_proj", 2560, 1024, 8),
        ("o_proj", 4096, 2560, 8),
        ("gate_proj", 2560, 9216, 32),
        ("up_proj", 2560, 9216, 32),
        ("down_proj", 9216, 2560, 32),
        ("in_proj_qkv", 2560, 8192, 24),  # 16 heads of 128 for queries and keys, 32 for values
        ("in_proj_z", 2560, 4096, 24),
        ("in_proj_b", 2560, 32, 24),
        ("in_proj_a", 2560, 32, 24),
        ("out_proj", 4096, 2560, 24),
    )


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def write(path: Path, **config: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(CONFIG | config), encoding="utf-8")
    return path


def test_a_local_folder_comes_before_what_is_shipped_and_the_cache_after(home):
    name = "Qwen/Qwen3-4B-Instruct-2507"
    shipped = ModelShape("qwen3", 151_936, 2560, 9728, 36, 32, 8, 128, True, positions=262_144)
    assert find_shape(name) == (shipped, "shipped")
    local = write(home / name / "config.json")
    assert find_shape(name) == (shape_of_config(CONFIG, ""), str(local.relative_to(home)))
    snapshots = home / "hub" / "models--some--model" / "snapshots"
    write(snapshots / "a" / "config.json", num_hidden_layers=1)
    newest = write(snapshots / "b" / "config.json", num_hidden_layers=2)
    shape, where = find_shape("some/model")
    assert (shape.layers, where) == (2, str(newest))


def test_a_converted_model_is_found_by_its_bundled_name(home):
    found = write(home / "home" / "models" / "tiny-1-abc" / "config.json")
    assert cached_file("bundled:tiny", "config.json") == found
    assert cached_file("bundled:tiny", "tokenizer.json") is None
    assert cached_file("bundled:other", "config.json") is None


def test_offline_the_hub_is_not_asked(home, monkeypatch):
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("urllib.request.urlopen", asked)
    with pytest.raises(YoyakError, match=r"model.checkpoint = some/model: its shape is neither shipped nor found"):
        find_shape("some/model")


@pytest.mark.parametrize(("content", "message"), [("{", "can't be read as a model's config"), ("[]", "is no model's")])
def test_a_broken_config_is_one_line(home, content, message):
    write(home / "base" / "config.json").write_text(content)
    with pytest.raises(YoyakError, match=message):
        find_shape("base")
