"""Small models whose weights float16 holds exactly, a tokenizer for them, and their logits."""

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
# What an architecture needs besides, to be as llama.cpp has it and to show what is odd about it.
OF_FAMILY: dict[str, dict[str, Any]] = {
    "qwen3": {"head_dim": 128},  # transformers reads no head size from a Qwen3 GGUF and takes its default
    "mistral": {"sliding_window": None},
    # Windows of five of six layers; heads of 256, by which transformers scales scores whatever the file says.
    "gemma3_text": {"num_hidden_layers": 6, "head_dim": 256, "sliding_window": 4, "pad_token_id": 0},
    "exaone4": {"sliding_window": None, "head_dim": 16, "layer_types": ["full_attention"] * 2},
    "smollm3": {"num_hidden_layers": 4, "pad_token_id": 0},
    "ministral3": {
        "head_dim": 16,
        "rope_parameters": {  # a factor of queries that grows each fourth position
            "rope_type": "yarn",
            "rope_theta": 10_000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 4,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "mscale": 1.0,
            "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.5,
        },
    },
    "granite": {
        "attention_multiplier": 0.2,
        "embedding_multiplier": 3.0,
        "residual_multiplier": 0.4,
        "logits_scaling": 2.5,
    },
}
IDS = torch.tensor([[5, 100, 40, 41, 200, 7, 250, 1, 0, 99]])


def small_model(family: str, tied: bool = True, **settings: Any) -> PreTrainedModel:
    """Return a random model in float32, its biases and norms too."""
    values: dict[str, Any] = {
        **SIZES,
        "tie_word_embeddings": tied,
        "initializer_range": 0.2,
        **OF_FAMILY.get(family, {}),
        **settings,
    }
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **values), dtype=torch.float32)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                weight.add_((200 * torch.randn_like(weight)).round() / 1024)  # so that 1 + weight is exact too
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
