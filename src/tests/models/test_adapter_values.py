"""Another adapter's values on a loaded model, and its own again."""

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from src.errors import YoyakError
from src.models.adapter_values import AdapterValues, same_form
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model
from src.training.state.final_model import save_model


def saved(model, folder, seed):
    """Give the model's adapter random values, and write them."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.normal_()
    save_model(model, folder)
    return folder


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor([[5, 6, 7]])).logits


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
def test_a_model_has_the_values_of_another_adapter_for_a_while(tmp_path, dora):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__use_qlora=False, lora__use_dora=dora)
    model, _ = load_tiny(config)
    other = saved(model, tmp_path / "other", 1)
    wanted = logits(model)
    saved(model, tmp_path / "own", 2)
    own = logits(model)
    values = AdapterValues(model, other)
    assert torch.equal(logits(model), own)
    with suppress(KeyboardInterrupt), values.in_place():
        assert torch.equal(logits(model), wanted)
        raise KeyboardInterrupt
    assert torch.equal(logits(model), own)
    assert not torch.equal(own, wanted)


def test_adapters_of_another_form_are_told_apart(tmp_path):
    base = write_tiny_model(tmp_path / "base")
    model, _ = load_tiny(tiny_config(base, tmp_path, lora__use_qlora=False, lora__r=4))
    one = saved(model, tmp_path / "one", 1)
    narrow, _ = load_tiny(tiny_config(base, tmp_path, lora__use_qlora=False, lora__r=2))
    two = saved(narrow, tmp_path / "two", 1)
    with pytest.raises(YoyakError, match="two: holds another adapter than the one that is loaded was refined from"):
        AdapterValues(model, two)
    assert not same_form(one, two)
    scaled = Path(shutil.copytree(one, tmp_path / "scaled"))
    assert same_form(one, scaled)
    settings = json.loads((scaled / "adapter_config.json").read_text())
    (scaled / "adapter_config.json").write_text(json.dumps(settings | {"lora_alpha": 99}))
    assert not same_form(one, scaled)
    (scaled / "adapter_model.safetensors").write_bytes(b"broken")
    assert not same_form(scaled, scaled)
    assert not same_form(one, tmp_path / "nowhere")
