"""What a checkpoint's config.json would choose, and what it would make before a weight is looked at."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.integrations import hub_kernels

from src.errors import YoyakError
from src.models.checkpoint_config import load_checkpoint_config
from src.models.config_limits import refuse_endless
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import load_tiny, logits, tiny_config, write_tiny_model


def changed(folder: str, **content: Any) -> str:
    """Return the folder of a checkpoint with more in its config.json."""
    path = Path(folder) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | content))
    return folder


def error_of(folder: str, **overrides: Any) -> str:
    """Return what is said when a checkpoint is loaded."""
    with pytest.raises(YoyakError) as caught:
        LoRALoader(tiny_config(folder, **overrides)).load_model_and_tokenizer(use_qlora=False)
    return str(caught.value)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the kernels that transformers asks the hub for."""
    asked: list[str] = []

    def fetch(name: str, **_: Any) -> Any:
        asked.append(name)
        raise RuntimeError("a kernel was fetched")

    monkeypatch.setattr(hub_kernels, "get_kernel", fetch)
    monkeypatch.setattr(hub_kernels, "is_kernels_available", lambda *_: True)
    return asked


@pytest.mark.parametrize(
    "choice",
    [
        {"_attn_implementation": "someone/kernel"},
        {"attn_implementation": "someone/kernel"},
        {"_attn_implementation": "someone/kernel@main:forward"},
        {"attn_implementation": {"": "someone/kernel"}},
        {"attn_implementation": "flash_attention_2"},
        {"attn_implementation": "no_such"},
        {"_experts_implementation": "someone/kernel", "experts_implementation": "no_such"},
        {"_attn_implementation_internal": "someone/kernel"},
    ],
)
def test_a_config_chooses_no_code(tmp_path: Path, fetched: list[str], choice: dict[str, Any]) -> None:
    plain = load_tiny(tiny_config(write_tiny_model(tmp_path / "plain"), lora__use_qlora=False))[0]
    folder = changed(write_tiny_model(tmp_path / "base"), **choice)
    model = load_tiny(tiny_config(folder, lora__use_qlora=False))[0]
    assert model.config._attn_implementation == "sdpa"
    assert model.config._experts_implementation == plain.config._experts_implementation == "eager"
    assert fetched == []
    assert torch.equal(logits(model), logits(plain))
    LoRALoader(tiny_config(folder)).check_weights(folder)  # vLLM's way
    assert fetched == []


def test_a_part_of_a_config_chooses_no_code(tmp_path: Path) -> None:
    text = {"model_type": "gemma3_text", "hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 99}
    text |= {"_attn_implementation": "someone/kernel", "attn_implementation": "someone/kernel"}
    content = {"model_type": "gemma3", "text_config": text, "vision_config": {"attn_implementation": "someone/kernel"}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    config = load_checkpoint_config(str(tmp_path), tiny_config(str(tmp_path)).model)
    chosen = [part._attn_implementation for part in (config, config.text_config, config.vision_config)]
    assert chosen == [None, None, None]


@pytest.mark.parametrize("where", ["config", "text"])
@pytest.mark.parametrize("stored", ["gptq", "quark", "finegrained_fp8"])
def test_no_quantization_loads_its_own_backend(tmp_path: Path, where: str, stored: str) -> None:
    quantization = {"quantization_config": {"quant_method": stored}}
    if where == "config":
        folder = changed(write_tiny_model(tmp_path / "base"), **quantization)
        assert error_of(folder).startswith(f"model.checkpoint = {folder}: stored as {stored}, which can't be trained")
    else:
        text = {"model_type": "gemma3_text", "hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 99} | quantization
        folder = write_tiny_model(tmp_path / "base")
        Path(folder, "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": text}))
        assert error_of(folder).startswith(f"model.checkpoint = {folder}: stored as {stored}, which can't be trained")


def test_an_adapter_beside_a_config_is_refused_before_what_it_names_is_loaded(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base")
    named = {"base_model_name_or_path": str(tmp_path / "elsewhere"), "peft_type": "LORA"}
    Path(folder, "adapter_config.json").write_text(json.dumps(named))
    with pytest.raises(YoyakError, match="an adapter, loaded on the base model that it names"):
        load_checkpoint_config(folder, tiny_config(folder).model)


@pytest.mark.parametrize(
    ("name", "value", "most"),
    [
        ("num_hidden_layers", 2_001, "2,000"),
        ("n_layer", 10**9, "2,000"),
        ("num_nextn_predict_layers", 10**9, "2,000"),
        ("num_labels", 10**9, "100,000"),
        ("n_routed_experts", 100_001, "100,000"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_what_is_counted_has_bounds(name: str, value: int, most: str, inside: bool) -> None:
    content = {"text_config": {name: value}} if inside else {name: value}
    with pytest.raises(YoyakError) as caught:
        refuse_endless("m", content)
    assert str(caught.value) == (
        f"model.checkpoint = m: can't be loaded: {name} = {value} in its config.json, {most} at most; get it again"
    )
    refuse_endless("m", {name: 126, "vocab_size": 10**9, "layer_types": ["full_attention"]})


def test_heads_may_have_a_width_of_their_own(tmp_path: Path) -> None:
    """As Kanana 1.5 2.1B: transformers itself refuses a width that is no multiple of the heads."""
    base = write_tiny_model(tmp_path / "base")
    config = AutoConfig.from_pretrained(base)
    config.num_attention_heads, config.num_key_value_heads, config.head_dim, config.hidden_size = 6, 2, 16, 56
    torch.manual_seed(0)
    with torch.no_grad():
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(tmp_path / "wide")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "wide")
    loaded = load_checkpoint_config(str(tmp_path / "wide"), tiny_config(base).model)
    assert (loaded.hidden_size, loaded.num_attention_heads, loaded.head_dim) == (56, 6, 16)
    model, _ = load_tiny(tiny_config(str(tmp_path / "wide"), lora__use_qlora=False))
    assert model.get_base_model().model.layers[0].self_attn.q_proj.weight.shape == (96, 56)
    unnamed = changed(str(tmp_path / "wide"), head_dim=None)
    assert "can't be loaded: StrictDataclassClassValidationError" in error_of(unnamed)
