"""An adapter of each architecture of the packed engine, exported: loaded by others it computes what was trained."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from src.export.adapter_file import read_adapter
from src.export.merged import merge_adapter, save_merged
from src.export.vllm_rules import uniform, vllm_objections, write_adapter
from src.tests.packed_models import MATRICES, SEVEN, WRITTEN_OUT
from src.tests.tiny_architectures import write_architecture
from src.tests.tiny_models import load_tiny, tiny_config, tiny_tokenizer
from src.written_classes import WRITTEN_TYPES

IDS = torch.tensor([[5, 100, 40, 41, 200, 256, 7, 9, 11, 30, 31, 32, 33, 34]])


def logits_of(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=IDS, use_cache=False).logits
    return found[..., :259]  # a row may have been added for padding


@pytest.mark.parametrize("family", [name for name, its in WRITTEN_TYPES.items() if not its.delta])
def test_what_others_load_computes_what_was_trained(tmp_path: Path, family: str) -> None:
    settings = {"num_hidden_layers": 2, **WRITTEN_OUT[family]}
    settings.pop("pad_token_id", None)
    own = tiny_tokenizer(pad_token="<|im_start|>")
    base = write_architecture(tmp_path / "base", family, own, **settings)
    targets = MATRICES.get(family, SEVEN)
    config = tiny_config(base, lora__use_qlora=False, lora__target_modules=targets)
    config.model.dtype = "fp32"
    model, tokenizer = load_tiny(config)
    trained = {name: weight for name, weight in model.named_parameters() if "lora_B" in name}
    for weight in trained.values():
        torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    adapter = read_adapter(tmp_path / "adapter")
    assert vllm_objections(adapter) == []
    (tmp_path / "out").mkdir()
    write_adapter(uniform(adapter), base, own, None, tmp_path / "out")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    without, expected = logits_of(plain), logits_of(model)
    loaded = PeftModel.from_pretrained(plain, tmp_path / "out")
    found = [weight for name, weight in loaded.named_parameters() if "lora_B" in name]
    # Seven matrices of two layers; of a hybrid's first one five and the MLP's three; Gemma 4's second has no values.
    odd = {"qwen3_5_text": 15, "gemma4_text": 13, "gemma4_unified_text": 13}
    assert len(found) == len(trained) == odd.get(family, 14)
    assert all(weight.abs().max() > 0.05 for weight in found)
    assert torch.allclose(logits_of(loaded), expected, atol=1e-4)
    save_merged(merge_adapter(model, torch.float32), tokenizer, None, tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    assert merged.config.model_type == family
    assert torch.allclose(logits_of(merged), expected, atol=1e-3)
    assert (expected - without).abs().max() > 0.1
