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
from src.tests.tiny_models import write_tiny_model


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
