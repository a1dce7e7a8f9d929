"""Tiny random models of transformers' architectures that do something of their own around the head."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

SMALL: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def tiny(model_type: str, **settings: Any) -> Any:
    """Return a model of 2 layers in float32 and eval mode, whose weights are large enough for caps to show."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **{**SMALL, **settings})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            about = 1.0 if "norm" in name and not model_type.startswith("gemma") else 0.0
            parameter.copy_(about + 0.3 * torch.randn_like(parameter))
    return model.eval()
