"""Adapters on the embedding and the head, of tied and untied models: merged and written, the logits stay."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from src.export.gguf_model import write_model_gguf
from src.export.gguf_read import read_model_gguf
from src.export.merged import merge_adapter, save_merged
from src.tests.export.small_models import logits_of, small_model, splitting_tokenizer

pytestmark = [
    pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`"),
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers` to `True`"),
    pytest.mark.filterwarnings("ignore:Model with `tie_word_embeddings=True`"),
    pytest.mark.filterwarnings("ignore:You are using `trainable_token_indices`"),
    pytest.mark.filterwarnings("ignore:You have requested `ensure_weight_tying`"),
]

# What an adapter has, and whether a tied model is tied still when it is merged.
ADAPTERS: list[tuple[dict[str, Any], bool]] = [
    ({"target_modules": ["q_proj", "embed_tokens"]}, False),
    ({"target_modules": ["q_proj", "lm_head"]}, False),
    ({"target_modules": ["embed_tokens", "lm_head"]}, False),
    ({"target_modules": ["embed_tokens"], "use_rslora": True}, False),
    ({"target_modules": ["embed_tokens"], "use_dora": True}, False),
    ({"target_modules": ["lm_head"], "use_dora": True}, False),
    ({"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]}, False),
    ({"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}, False),
    ({"target_modules": ["q_proj"], "trainable_token_indices": {"lm_head": [3, 5]}}, False),
    ({"target_modules": ["q_proj"], "trainable_token_indices": {"embed_tokens": [3, 5]}}, True),
    ({"target_modules": ["q_proj", "embed_tokens"], "ensure_weight_tying": True}, True),
    ({"target_modules": ["q_proj"]}, True),
]


def title(value: Any) -> str:
    return "-".join(f"{name}={what}" for name, what in value.items()) if isinstance(value, dict) else ""


def adapted_model(tied: bool, adapter: dict[str, Any]) -> Any:
    """Return a small Llama with a random adapter that shows in the logits."""
    model = small_model("llama", tied)
    torch.manual_seed(1)
    adapted = get_peft_model(model, LoraConfig(r=2, init_lora_weights=False, task_type="CAUSAL_LM", **adapter)).eval()
    with torch.no_grad():
        for weight in adapted.parameters():
            if weight.requires_grad:
                weight.add_(0.05 * torch.randn_like(weight))
    return adapted


@pytest.mark.parametrize(("adapter", "stays_tied"), ADAPTERS, ids=title)
@pytest.mark.parametrize("tied", [True, False])
def test_merged_and_written_it_computes_the_same(
    tmp_path: Path, tied: bool, adapter: dict[str, Any], stays_tied: bool
) -> None:
    model = adapted_model(tied, adapter)
    before, plain = logits_of(model), logits_of(small_model("llama", tied))
    assert (before - plain).abs().max() > 0.5
    merged = merge_adapter(model, torch.float32)
    assert merged.config.tie_word_embeddings is (tied and stays_tied)
    assert not any("lora" in name or "original" in name for name, _ in merged.named_parameters())
    tokenizer = splitting_tokenizer()
    save_merged(merged, tokenizer, None, tmp_path)
    path = tmp_path / "m.gguf"
    write_model_gguf(path, merged, tokenizer, "f32", name="m", end_id=261, add_bos=False, chat_template=None)
    of_transformers = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    of_gguf = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="m.gguf", dtype=torch.float32).eval()
    ours = read_model_gguf(path, type(merged), merged.config, torch.float32)
    for again in (merged, of_transformers, of_gguf, ours):
        assert torch.allclose(logits_of(again), before, atol=1e-3)


def test_an_embedding_is_rounded_once(tmp_path: Path) -> None:
    # Base and sum in bf16: 1.0 + 0.003 + 0.003 is 1.0078125 when summed in float32 and rounded once, else 1.0.
    model = small_model("llama", True).bfloat16()
    adapted = get_peft_model(model, LoraConfig(r=1, lora_alpha=1, target_modules=["embed_tokens"]))
    layer = adapted.get_input_embeddings()
    layer.base_layer.weight.data.fill_(1.0)
    layer.lora_embedding_A["default"].data.fill_(1.0)
    layer.lora_embedding_B["default"].data.fill_(0.006)
    merged = merge_adapter(adapted, torch.bfloat16)
    assert merged.get_input_embeddings().weight[3, 3].item() == 1.0078125
    assert merged.lm_head.weight[3, 3].item() == 1.0
