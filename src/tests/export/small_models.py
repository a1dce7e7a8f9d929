"""Small Llama, Qwen2 and Qwen3 models whose weights float16 holds exactly, a tokenizer for them, and their logits."""

from typing import Any

import torch
from tokenizers import pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from src.tests.real_tokenizers import Kind, tiny_tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 260,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": None,
    "eos_token_id": 256,
    "pad_token_id": None,
}
IDS = torch.tensor([[5, 100, 40, 41, 200, 7, 250, 1, 0, 99]])


def small_model(family: str, tied: bool = True, **settings: Any) -> PreTrainedModel:
    """Return a random model in float32 with biases where its architecture has them."""
    values: dict[str, Any] = {
        **SIZES,
        "tie_word_embeddings": tied,
        "initializer_range": 0.2,
        # transformers reads no head size from a Qwen3 GGUF and takes its default
        **({"head_dim": 128} if family == "qwen3" else {}),
        **settings,
    }
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **values), dtype=torch.float32)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                weight.normal_(std=0.2)
            if weight.ndim > 1:
                weight.copy_(weight.half())
    return model.eval()


def logits_of(model: Any) -> torch.Tensor:
    """Return the logits (1, 10, vocabulary) on fixed ids, in float32."""
    with torch.no_grad():
        result: torch.Tensor = model(input_ids=IDS, use_cache=False).logits
    return result.float()


def splitting_tokenizer(kind: Kind = "chatml") -> PreTrainedTokenizerFast:
    """Return a tiny tokenizer that splits text as GPT-2's does, which llama.cpp has a name for."""
    tokenizer = tiny_tokenizer(kind)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return tokenizer
