"""A GGUF adapter, added to the base as llama.cpp adds it, gives the tensors of the merged model."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from src.errors import YoyakError
from src.export.adapter_file import read_adapter, refuse_other_base
from src.export.gguf_lora import write_lora_gguf, written_alpha
from src.export.gguf_model import write_model_gguf
from src.export.merged import merge_adapter
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import load_tiny, reloaded, tiny_config, tiny_tokenizer, train_tiny, write_tiny_model

pytestmark = pytest.mark.usefixtures("fp32_machine")


def trained(tmp_path: Path, family: str = "llama", **settings: Any) -> tuple[Any, Path]:
    """Return the config and the folder of an adapter on a 16-bit base, trained two steps."""
    checkpoint = write_tiny_model(tmp_path / "base", family)
    options = {"lora__use_qlora": False, "training__max_steps": 2, **settings}
    config = tiny_config(checkpoint, tmp_path, **options)
    return config, Path(train_tiny(config, *load_tiny(config)))


def tensors(path: Path) -> dict[str, np.ndarray]:
    return {t.name: gguf.dequantize(t.data, t.tensor_type).copy() for t in gguf.GGUFReader(path).tensors}


def write_f32(path: Path, model: Any, tokenizer: Any) -> dict[str, np.ndarray]:
    write_model_gguf(path, model, tokenizer, "f32", name="m", end_id=256, add_bos=False, chat_template=None)
    return tensors(path)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize(
    ("settings", "alpha"),
    [({}, 8.0), ({"lora__use_rslora": True}, 8.0 * math.sqrt(4)), ({"lora__init": "eva"}, 8.0)],
    ids=["LoRA", "rsLoRA", "EVA"],
)
def test_base_plus_adapter_is_the_merged_model(
    tmp_path: Path, family: str, settings: dict[str, Any], alpha: float
) -> None:
    config, folder = trained(tmp_path, family, **settings)
    checkpoint = config.model.checkpoint
    adapter = read_adapter(folder)
    assert written_alpha(adapter) == pytest.approx(alpha)
    count = write_lora_gguf(tmp_path / "lora.gguf", adapter, AutoConfig.from_pretrained(checkpoint), "tiny")
    fields = gguf.GGUFReader(tmp_path / "lora.gguf").fields
    assert {
        name: fields[f"{name}"].contents() for name in ("general.type", "general.architecture", "adapter.type")
    } == {
        "general.type": "adapter",
        "general.architecture": family,
        "adapter.type": "lora",
    }
    stored_alpha = fields["adapter.lora.alpha"].contents()
    assert stored_alpha == pytest.approx(alpha)
    factors = tensors(tmp_path / "lora.gguf")
    assert len(factors) == count == 28

    tokenizer = tiny_tokenizer()
    plain, _ = LoRALoader(config).load_model_and_tokenizer(use_lora=False)
    base = write_f32(tmp_path / "base.gguf", merge_adapter(plain, torch.float32), tokenizer)
    merged = write_f32(tmp_path / "merged.gguf", merge_adapter(reloaded(config, str(folder)), torch.float32), tokenizer)
    for name, values in base.items():
        a, b = factors.get(f"{name}.lora_a"), factors.get(f"{name}.lora_b")
        if a is not None and b is not None:
            values = values + stored_alpha / len(a) * (b @ a)  # llama.cpp divides by the rank of each tensor
        assert np.allclose(values, merged[name], atol=1e-5), name


def test_ranks_of_their_own_keep_their_scale(tmp_path: Path) -> None:
    _, folder = trained(tmp_path)
    path = folder / "adapter_config.json"
    own = {"alpha_pattern": {"layers.1.self_attn.q_proj": 24.0}}
    path.write_text(json.dumps(json.loads(path.read_text()) | own))
    adapter = read_adapter(folder)
    assert adapter.scale("model.layers.0.self_attn.q_proj") == 2.0
    assert adapter.scale("model.layers.1.self_attn.q_proj") == 6.0
    write_lora_gguf(tmp_path / "l.gguf", adapter, AutoConfig.from_pretrained(tmp_path / "base"), "tiny")
    b = adapter.factors["model.layers.1.self_attn.v_proj"][1].numpy()
    assert np.array_equal(tensors(tmp_path / "l.gguf")["blk.1.attn_v.weight.lora_b"], b)
    q = adapter.factors["model.layers.1.self_attn.q_proj"][1].numpy()
    stored = tensors(tmp_path / "l.gguf")["blk.1.attn_q.weight.lora_b"]
    assert np.allclose(stored[:2], 3 * q[[0, 8]])  # alpha 8 is written, 24 is its own; rows of a head of 16


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lora__use_dora": True}, "no place for DoRA's magnitudes; use --to gguf instead"),
        ({"lora__init": "pissa"}, "no place for init_lora_weights pissa, which changes the base weights"),
        ({"model__chat_template": "llama"}, "no place for base_model.model.model.embed_tokens.token_adapter"),
    ],
)
def test_what_gguf_has_no_place_for_is_refused(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    _, folder = trained(tmp_path, **settings)
    with pytest.raises(YoyakError, match=said):
        write_lora_gguf(
            tmp_path / "l.gguf", read_adapter(folder), AutoConfig.from_pretrained(tmp_path / "base"), "tiny"
        )


def test_another_base_is_named_with_both_names(tmp_path: Path, adapter: Path) -> None:
    other = write_tiny_model(tmp_path / "other", intermediate_size=96)
    with pytest.raises(YoyakError) as caught:
        refuse_other_base(read_adapter(adapter), AutoConfig.from_pretrained(other), other)
    assert str(caught.value) == (
        f"{adapter}: the adapter, trained on {tmp_path / 'base'}, does not fit {other}: "
        "model.layers.0.mlp.down_proj needs 64 x 128, the base has 64 x 96"
    )
    shallow = write_tiny_model(tmp_path / "shallow", num_hidden_layers=1)
    with pytest.raises(YoyakError, match=r"model.layers.1.mlp.down_proj needs 64 x 128, the base has no such layer$"):
        refuse_other_base(read_adapter(adapter), AutoConfig.from_pretrained(shallow), shallow)
    base = AutoConfig.from_pretrained(tmp_path / "base")
    refuse_other_base(read_adapter(adapter), base, "base")


# Reading


def test_broken_adapters_are_refused_in_a_line(tmp_path: Path, adapter: Path) -> None:
    def refusal(damage: str, content: bytes | None) -> str:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(adapter, copy)
        (copy / damage).unlink()
        if content is not None:
            (copy / damage).write_bytes(content)
        with pytest.raises(YoyakError) as caught:
            read_adapter(copy)
        assert "\n" not in str(caught.value)
        return str(caught.value).removeprefix(f"{copy}: ")

    weights = (adapter / "adapter_model.safetensors").read_bytes()
    assert refusal("adapter_model.safetensors", weights[:-10]).startswith("the adapter is broken (")
    assert refusal("adapter_model.safetensors", b"").startswith("the adapter is broken (")
    assert refusal("adapter_model.safetensors", None).startswith("no adapter_model.safetensors (pickled adapters")
    assert refusal("adapter_config.json", b"{").startswith("the adapter is broken (")
    assert refusal("adapter_config.json", None).startswith("no adapter_config.json")
    assert refusal("adapter_config.json", b'{"peft_type": "IA3"}') == "a IA3 adapter; only LoRA is exported"


def test_a_real_tokenizer_is_not_needed(adapter: Path) -> None:
    assert read_adapter(adapter).most_rank == 4
    assert len(read_adapter(adapter).factors) == 14
    assert AutoTokenizer.from_pretrained(adapter).eos_token == "</s>"
