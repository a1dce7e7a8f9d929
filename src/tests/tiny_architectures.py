"""Tiny random checkpoints of some 60 text architectures of transformers, each in its class's exact layout."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from src.tests.tiny_models import tiny_tokenizer, with_layer_factors

WIDTH, HEADS, KEY_HEADS, HEAD, INNER = 64, 4, 2, 16, 128
# Settings by their usual names; what a class calls otherwise, or needs besides, stands in ARCHITECTURES.
_USUAL: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_HEADS,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,  # larger than usual, so that every weight shows in the logits
}
_HEAD = {"head_dim": HEAD}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
_ROUTED = {
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
_LATENT = {
    "num_key_value_heads": HEADS,
    "kv_lora_rank": 8,
    "q_lora_rank": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
}
_DELTA = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "num_hidden_layers": 4,  # three of linear attention, one of full
}
_ROPE = {"rope_type": "default", "rope_theta": 150_000.0}
_GPT2 = {"n_embd": WIDTH, "n_layer": 2, "n_head": HEADS, "n_positions": 512}

_GEMMA4 = {**_HEAD, "global_head_dim": 32, "num_hidden_layers": 6}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": _HEAD,
    "mistral": {},
    "ministral": _HEAD,
    "ministral3": {},
    "gemma": _HEAD,
    "gemma2": _HEAD,
    "gemma3_text": {**_HEAD, "query_pre_attn_scalar": HEAD},  # as published, but for the 27B model
    "gemma4_text": {**_GEMMA4, "hidden_size_per_layer_input": 0},
    "gemma4_unified_text": _GEMMA4,
    "phi": {},
    "phi3": {"pad_token_id": 0},
    "granite": {"logits_scaling": 8.0},
    "cohere": {"logit_scale": 0.0625},
    "cohere2": {"logit_scale": 0.0625},
    "olmo": {},
    "olmo2": {},
    "olmo3": {},
    "olmo_hybrid": {**_DELTA, "pad_token_id": 0},
    "smollm3": {"pad_token_id": 0},
    "exaone4": {},
    "hyperclovax": {},
    "helium": _HEAD,
    "glm": {**_HEAD, "pad_token_id": 0},
    "glm4": {**_HEAD, "pad_token_id": 0},
    "stablelm": {},
    "starcoder2": {},
    "nemotron": {},
    "arcee": {},
    "seed_oss": _HEAD,
    "hunyuan_v1_dense": _HEAD,
    "ernie4_5": _HEAD,
    "apertus": {},
    "bitnet": {},
    "diffllama": {},
    "doge": {},
    "nanochat": {},
    "jais2": {},
    "vaultgemma": _HEAD,
    "cwm": {**_HEAD, "bos_token_id": 256},
    "gpt2": _GPT2,
    "gpt_neox": {},
    "gpt_bigcode": _GPT2,
    "gptj": {**_GPT2, "rotary_dim": 8},
    "gpt_neo": {"num_layers": 2, "num_heads": HEADS, "attention_types": [[["global", "local"], 1]]},
    "opt": {"ffn_dim": INNER, "word_embed_proj_dim": WIDTH},
    "bloom": {"n_layer": 2, "n_head": HEADS},
    "falcon": {},
    "mpt": {"d_model": WIDTH, "n_layers": 2, "n_heads": HEADS, "max_seq_len": 512},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": HEAD, "state_size": 16, "n_groups": 1, "expand": 2},
    "qwen3_5_text": {**_HEAD, **_DELTA},
    "qwen3_next": {**_HEAD, **_EXPERTS, **_DELTA, "shared_expert_intermediate_size": 32},
    "qwen2_moe": {**_EXPERTS, "shared_expert_intermediate_size": 32},
    "qwen3_moe": {**_HEAD, **_EXPERTS},
    "mixtral": {"num_local_experts": 4},
    "olmoe": _EXPERTS,
    "phimoe": {"num_local_experts": 4},
    "granitemoe": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "gpt_oss": {**_HEAD, "num_local_experts": 4, "num_experts_per_tok": 2, "rope_parameters": _ROPE},
    "llama4_text": {**_HEAD, "num_local_experts": 4, "intermediate_size_mlp": INNER},
    "deepseek_v2": {**_ROUTED, **_LATENT},
    "deepseek_v3": {**_ROUTED, **_LATENT},
    "glm4_moe": {**_HEAD, **_ROUTED},
    "ernie4_5_moe": {"moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 32},
    "dots1": {**_HEAD, **_ROUTED, "n_shared_experts": 1},
}


def architecture_config(name: str, tokenizer: PreTrainedTokenizerFast | None = None, **settings: Any) -> Any:
    """Return the config of a tiny model of an architecture (a `model_type` of transformers)."""
    tokenizer = tokenizer or tiny_tokenizer()
    ends = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}
    return AutoConfig.for_model(
        name, **(_USUAL | {"vocab_size": len(tokenizer)} | ends | ARCHITECTURES.get(name, {}) | settings)
    )


def write_architecture(
    folder: Path, name: str, tokenizer: PreTrainedTokenizerFast | None = None, seed: int = 0, **settings: Any
) -> str:
    """Write a random checkpoint of an architecture with a byte-level tokenizer; return its folder."""
    tokenizer = tokenizer or tiny_tokenizer()
    config = architecture_config(name, tokenizer, **settings)
    torch.manual_seed(seed)
    with_layer_factors(AutoModelForCausalLM.from_config(config, dtype=torch.float32)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
