"""The mean of models, from their files."""

import json

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from src.config.loader import load_config
from src.errors import YoyakError
from src.export.averaged import average_models
from src.models.adapters import load_adapter
from src.tests.tiny_models import logits, write_tiny_model


def write_adapter(folder, rows_a, columns_b, alpha, **settings):
    """Write an adapter of one layer, whose A has two columns and whose B has two rows."""
    folder.mkdir()
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {f"{name}.lora_A.weight": torch.tensor(rows_a), f"{name}.lora_B.weight": torch.tensor(columns_b)}
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": len(rows_a), "lora_alpha": alpha, "target_modules": ["q_proj"]} | settings
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def product(folder):
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    (a,) = (value for name, value in tensors.items() if "lora_A" in name)
    (b,) = (value for name, value in tensors.items() if "lora_B" in name)
    return config["lora_alpha"] / config["r"] * b @ a


def test_the_product_is_the_mean_of_the_products(tmp_path):
    """2 x [1, 0]^T [1, 2] and 0.5 x (...) of rank 2: their mean, which no mean of factors is."""
    one = write_adapter(tmp_path / "one", [[1.0, 2.0]], [[1.0], [0.0]], 2)
    two = write_adapter(tmp_path / "two", [[1.0, 0.0], [0.0, 4.0]], [[2.0, 0.0], [0.0, 1.0]], 1)
    found = average_models([one, two], tmp_path / "mean")
    assert product(one).tolist() == [[2.0, 4.0], [0.0, 0.0]]
    assert product(two).tolist() == [[1.0, 0.0], [0.0, 2.0]]
    assert product(found).tolist() == [[1.5, 2.0], [0.0, 1.0]]
    settings = json.loads((found / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"]) == (3, 6)  # the scale of the first, 2


def test_rs_lora_and_patterns_have_scales_of_their_own(tmp_path):
    one = write_adapter(tmp_path / "one", [[1.0, 2.0]], [[1.0], [0.0]], 2)
    rank_stable = write_adapter(
        tmp_path / "two", [[3.0, 0.0]] * 4, [[1.0] * 4, [0.0] * 4], 1, use_rslora=True, alpha_pattern={"q_proj": 4}
    )
    # 4 / sqrt(4) = 2, times 4 x 3; and 2 x [1, 2].
    found = average_models([one, rank_stable], tmp_path / "mean")
    assert product(found).tolist() == [[13.0, 2.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"lora_bias": True}, "lora_bias"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"target_parameters": ["experts.down_proj"]}, "target_parameters"),
    ],
)
def test_what_is_no_plain_product_is_refused(tmp_path, settings, reason):
    one = write_adapter(tmp_path / "one", [[1.0, 2.0]], [[1.0], [0.0]], 2)
    other = write_adapter(tmp_path / "two", [[1.0, 2.0]], [[1.0], [0.0]], 2, **settings)
    with pytest.raises(YoyakError, match=f"two: can't be averaged: {reason}"):
        average_models([one, other], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_adapters_on_embeddings_are_refused(tmp_path):
    """Their factors have other names, and would be averaged as they are."""
    folders = [write_adapter(tmp_path / name, [[1.0, 2.0]], [[1.0], [0.0]], 2) for name in ("one", "two")]
    for folder in folders:
        tensors = load_file(folder / "adapter_model.safetensors")
        tensors["base_model.model.model.embed_tokens.lora_embedding_A"] = torch.ones(1, 4)
        save_file(tensors, folder / "adapter_model.safetensors")
    with pytest.raises(YoyakError, match=r"one: can't be averaged: .*embed_tokens.lora_embedding_A; average what"):
        average_models(folders, tmp_path / "mean")


def test_other_layers_are_refused(tmp_path):
    one = write_adapter(tmp_path / "one", [[1.0, 2.0]], [[1.0], [0.0]], 2)
    other = write_adapter(tmp_path / "two", [[1.0, 2.0, 3.0]], [[1.0], [0.0]], 2)
    with pytest.raises(YoyakError, match="other layers have adapters"):
        average_models([one, other], tmp_path / "mean")


def test_peft_loads_it(tmp_path):
    """Adapters of ranks 2 and 3 on a real model: each layer's weight changes by the mean, and the settings say so."""
    base = write_tiny_model(tmp_path / "base")
    folders = []
    for rank in (2, 3):
        torch.manual_seed(rank)
        settings = LoraConfig(r=rank, lora_alpha=8, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings)
        folders.append(tmp_path / f"rank{rank}")
        model.save_pretrained(folders[-1])
    config = load_config("quickstart", ["lora.r=2", "lora.alpha=8"])
    (folders[0] / "yoyak.yaml").write_text(yaml.safe_dump(config.model_dump()))
    (folders[0] / "tokenizer.json").write_text("kept")
    mean = average_models(folders, tmp_path / "mean")
    changes = []
    for folder in (*folders, mean):
        model = load_adapter(AutoModelForCausalLM.from_pretrained(base), str(folder))
        layers = model.get_base_model().model.layers
        changes.append(torch.stack([layer.self_attn.q_proj.get_delta_weight("default") for layer in layers]))
    torch.testing.assert_close(changes[2], (changes[0] + changes[1]) / 2)
    saved = load_config(mean / "yoyak.yaml")
    assert (saved.lora.r, saved.lora.alpha) == (5, 20)
    assert (mean / "tokenizer.json").read_text() == "kept"


@pytest.mark.parametrize("start", ["default", "orthogonal", "eva", "gaussian"])
def test_trained_rows_and_starts(tmp_path, start):
    """In float32: the rows of added tokens are the means of the parts' rows, whatever the adapters began as."""
    base = write_tiny_model(tmp_path / "base")
    folders, expected = [], AutoModelForCausalLM.from_pretrained(base)
    added = expected.get_input_embeddings().weight.data[257:259] * 0
    for seed in (1, 2):
        torch.manual_seed(seed)
        settings = LoraConfig(r=4, target_modules=["q_proj"], trainable_token_indices=[257, 258])
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings)
        for name, weight in model.named_parameters():
            if "lora_" in name or "trainable_tokens_delta" in name:
                weight.data.normal_(0, 0.2)
        folders.append(tmp_path / f"seed{seed}")
        model.save_pretrained(folders[-1], save_embedding_layers=False)
        saved = json.loads((folders[-1] / "adapter_config.json").read_text())
        saved["init_lora_weights"] = True if start == "default" else start
        (folders[-1] / "adapter_config.json").write_text(json.dumps(saved))
        with torch.no_grad():
            for mine, layer in zip(expected.model.layers, model.get_base_model().model.layers, strict=True):
                mine.self_attn.q_proj.weight += layer.self_attn.q_proj.get_delta_weight("default") / 2
            rows = [w for name, w in model.named_parameters() if "trainable_tokens_delta" in name]
            added += rows[0] / 2
    expected.get_input_embeddings().weight.data[257:259] = added
    mean = load_adapter(AutoModelForCausalLM.from_pretrained(base), str(average_models(folders, tmp_path / "mean")))
    torch.testing.assert_close(logits(mean), logits(expected), atol=1e-4, rtol=1e-4)
    other = json.loads((folders[1] / "adapter_config.json").read_text())
    other["trainable_token_indices"] = [256, 258]
    (folders[1] / "adapter_config.json").write_text(json.dumps(other))
    with pytest.raises(YoyakError, match="what was trained beside the layers' adapters differs"):
        average_models(folders, tmp_path / "again")


def test_one_model_or_the_same_one_is_no_mean(tmp_path):
    one = write_adapter(tmp_path / "one", [[1.0, 2.0]], [[1.0], [0.0]], 2)
    with pytest.raises(YoyakError, match="one: a mean is one of two models or more"):
        average_models([one], tmp_path / "mean")
    with pytest.raises(YoyakError, match="one: is named twice"):
        average_models([one, tmp_path / "mean" / ".." / "one"], tmp_path / "mean")
    copy = write_adapter(tmp_path / "copy", [[1.0, 2.0]], [[1.0], [0.0]], 2)
    with pytest.raises(YoyakError, match=r"copy: has the same weights as .*one, so their mean is what each is"):
        average_models([one, copy], tmp_path / "mean")
    stronger = write_adapter(tmp_path / "stronger", [[1.0, 2.0]], [[1.0], [0.0]], 6)
    assert product(average_models([one, stronger], tmp_path / "mean")).tolist() == [[4.0, 8.0], [0.0, 0.0]]


def test_a_first_part_without_any_change(tmp_path):
    """Its scale is 0, which nothing can be divided by."""
    none = write_adapter(tmp_path / "none", [[1.0, 2.0]], [[1.0], [0.0]], 0)
    one = write_adapter(tmp_path / "one", [[1.0, 2.0]], [[1.0], [0.0]], 2)
    assert product(average_models([none, one], tmp_path / "mean")).tolist() == [[1.0, 2.0], [0.0, 0.0]]


def test_whole_models(tmp_path):
    for name, value in (("one", 1.0), ("two", 4.0)):
        (tmp_path / name).mkdir()
        tensors = {"w": torch.tensor([value], dtype=torch.bfloat16), "n": torch.tensor([3])}
        save_file(tensors, tmp_path / name / "model.safetensors")
    found = average_models([tmp_path / "one", tmp_path / "two"], tmp_path / "mean")
    means = load_file(found / "model.safetensors")
    assert (means["w"].item(), means["w"].dtype, means["n"].item()) == (2.5, torch.bfloat16, 3)
    save_file({"v": torch.zeros(1)}, tmp_path / "two" / "model.safetensors")
    with pytest.raises(YoyakError, match="other weights"):
        average_models([tmp_path / "one", tmp_path / "two"], tmp_path / "again")


def write_whole(folder, config=None, **tensors):
    folder.mkdir(exist_ok=True)
    save_file({name: torch.tensor(value) for name, value in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config or {}))
    return folder


@pytest.mark.parametrize(
    ("config", "tensors", "said"),
    [
        ({}, {"w": [1.0], "n": 4}, "two: can't be averaged with .*one: n differs in shape or kind"),
        ({}, {"w": [1.0, 2.0], "n": 3}, "w differs in shape or kind"),
        ({}, {"w": [5], "n": 3}, "w differs in shape or kind"),
        ({"rope_theta": 5}, {"w": [1.0], "n": 3}, "rope_theta in config.json differs"),
        ({"quantization_config": {"load_in_4bit": True}}, {"w": [1.0], "n": 3}, "its weights are quantized"),
        ({}, {"w": [4.0], "n": 3}, "two: has the same weights as .*one"),
        ({"use_cache": False, "eos_token_id": 7, "dtype": "float32"}, {"w": [1.0], "n": 3}, None),
    ],
)
def test_whole_models_that_are_not_alike(tmp_path, config, tensors, said):
    folders = [write_whole(tmp_path / "one", w=[4.0], n=3), write_whole(tmp_path / "two", config, **tensors)]
    if said is None:
        mean = average_models(folders, tmp_path / "mean")
        assert load_file(mean / "model.safetensors")["w"].tolist() == [2.5]
        return
    with pytest.raises(YoyakError, match=said):
        average_models(folders, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_damaged_whole_model_is_named(tmp_path):
    folders = [write_whole(tmp_path / "one", w=[4.0]), write_whole(tmp_path / "two", w=[1.0])]
    (tmp_path / "two" / "model.safetensors").write_bytes(b"12345678901234567890")
    with pytest.raises(YoyakError, match=r"two/model.safetensors: the weights are broken"):
        average_models(folders, tmp_path / "mean")


def test_what_lies_beside_a_checkpoints_weights_is_not_averaged(tmp_path):
    """As the optimizer's state, which is a safetensors file too, and differs in shape from run to run."""
    folders = []
    for name, value, size in (("one", 1.0, 1), ("two", 2.0, 2)):
        folders.append(write_whole(tmp_path / name, w=[value]))
        save_file({"optimizer.m": torch.ones(size)}, folders[-1] / "training_state.safetensors")
        for left in ("training_state.json", "trainer_state.json", "manifest.json", "optimizer.pt", "README.md"):
            (folders[-1] / left).write_text("{}")
    mean = average_models(folders, tmp_path / "mean")
    assert {path.name for path in mean.iterdir()} == {"model.safetensors", "config.json"}


def test_other_tokens_are_refused(tmp_path):
    folders = [
        write_adapter(tmp_path / name, [[1.0, size]], [[1.0], [0.0]], 2) for name, size in (("a", 1.0), ("b", 2.0))
    ]
    for folder, word in zip(folders, ("<|im_end|>", "<|eot_id|>"), strict=True):
        content = {"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": word, "id": 1}]}
        (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(YoyakError, match=r"b: can't be averaged with .*a: its tokenizer has other tokens"):
        average_models(folders, tmp_path / "mean")
