"""Small random decoders, with adapters or whole, for tests of the packed engine, and the slow, obvious reference."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from src.data.batches.packing import StepPacker
from src.data.prompt.templates import IGNORE
from src.decoder.packed_decoder import PackedDecoder, Passes
from src.tests.tiny_models import with_layer_factors
from src.training.loss import response_loss

Items = list[dict[str, torch.Tensor]]
# By a model's type, what `adapted_model` needs besides its sizes: here windows that are shorter than most examples.
WINDOWED = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 11}
GEMMA4 = {
    "head_dim": 8,
    "global_head_dim": 16,  # of which 4 numbers are turned
    "num_global_key_value_heads": 1,
    "attention_k_eq_v": True,
    "final_logit_softcapping": 2.0,
    "pad_token_id": None,
    **WINDOWED,
}
WRITTEN_OUT: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "exaone4": WINDOWED,
    "mistral": {"sliding_window": 11},
    "ministral": {"head_dim": 8, **WINDOWED},
    "ministral3": {
        "head_dim": 8,
        "sliding_window": 11,
        "rope_parameters": {  # a factor of queries that grows each fifth position
            "rope_type": "yarn",
            "rope_theta": 10_000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 5,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "mscale": 1.0,
            "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.3,
        },
    },
    "hyperclovax": {
        "embedding_multiplier": 3.0,
        "residual_multiplier": 0.4,
        "attention_multiplier": 0.2,
        "logits_scaling": 0.5,
        "head_dim": 8,
    },
    "granite": {
        "embedding_multiplier": 3.0,
        "residual_multiplier": 0.4,
        "attention_multiplier": 0.2,
        "logits_scaling": 2.5,
    },
    "smollm3": {"no_rope_layers": [0, 1]},
    "qwen3_5_text": {
        "head_dim": 16,  # of which 4 numbers are turned
        "num_hidden_layers": 2,
        "layer_types": ["linear_attention", "full_attention"],
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 12,
    },
    "gemma3_text": {"head_dim": 16, "query_pre_attn_scalar": 20, "pad_token_id": None, **WINDOWED},
    "gemma4_text": GEMMA4 | {"hidden_size_per_layer_input": 0},
    "gemma4_unified_text": GEMMA4,
}
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MATRICES = {"qwen3_5_text": [*SEVEN, "in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"]}
"""Of the families that have more than seven."""
VOCABULARY = 96


def adapted_model(family: str, dtype: torch.dtype, lora: dict[str, Any] | None, **config: Any) -> Any:
    """Return a model of 2 layers in eval mode, with every weight, bias, norm and B drawn at random.

    It has adapters, or with None as `lora` trains whole.
    """
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        **config,
    }
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **settings), dtype=torch.float64)
    if lora is not None:
        targets = MATRICES.get(family, SEVEN)
        arguments = {"r": 4, "lora_alpha": 6, "target_modules": targets, "task_type": "CAUSAL_LM", **lora}
        model = get_peft_model(model, LoraConfig(**arguments))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            about = 1.0 if "norm" in name else -3.0 if "A_log" in name else 0.0  # states last for some 30 tokens
            parameter.copy_(about + 0.2 * torch.randn_like(parameter, dtype=torch.float64))
    return with_layer_factors(model).to(dtype).eval()


def examples(lengths: Sequence[tuple[int, int]], seed: int = 0, shared: int = 0) -> Items:
    """Return dataset items of (tokens, tokens of the response), which begin with the same `shared` tokens."""
    generator = torch.Generator().manual_seed(seed)
    beginning = torch.randint(VOCABULARY, (shared,), generator=generator)
    items = []
    for tokens, response in lengths:
        ids = torch.cat([beginning, torch.randint(VOCABULARY, (tokens - shared,), generator=generator)])
        labels = ids.clone()
        labels[: tokens - response] = IGNORE
        items.append({"input_ids": ids, "labels": labels})
    return items


def reference(model: Any, items: Items, own: bool = False) -> tuple[float, dict[str, torch.Tensor]]:
    """Return the mean loss per target token and all gradients, one example at a time under autograd.

    With `own`, by transformers' own code, which computes some parts in float32.
    """
    causal_lm = model.get_base_model() if isinstance(model, PeftModel) else model
    for module in () if own else model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = _norm.__get__(module)  # transformers' own rounds to float32
        if type(module).__name__.endswith("GatedDeltaNet"):
            module.forward = _delta_net.__get__(module)  # so does this
    targets = sum(int((item["labels"][1:] != IGNORE).sum()) for item in items)
    model.zero_grad()
    total = 0.0
    for item in items:
        loss = response_loss(causal_lm, {name: value[None] for name, value in item.items()})[0] / targets
        loss.backward()
        total += loss.item()
    return total, gradients(model)


def _norm(self: Any, x: torch.Tensor) -> torch.Tensor:
    if hasattr(self, "variance_epsilon"):
        return nn.functional.rms_norm(x, x.shape[-1:], self.weight, self.variance_epsilon)
    if hasattr(self, "with_scale"):
        return nn.functional.rms_norm(x, x.shape[-1:], getattr(self, "weight", None), self.eps)
    return nn.functional.rms_norm(x, x.shape[-1:], 1 + self.weight, self.eps)


def _delta_net(self: Any, hidden_states: torch.Tensor, **_: Any) -> torch.Tensor:
    """Compute transformers' GatedDeltaNet on one example (1, tokens, width), token by token."""
    x = hidden_states[0]
    wide = torch.promote_types(x.dtype, torch.float32)
    qkv, z, b, a = (getattr(self, f"in_proj_{name}")(hidden_states)[0].to(wide) for name in ("qkv", "z", "b", "a"))
    weight = self.conv1d.weight[:, 0].to(wide)
    past = nn.functional.pad(qkv, (0, 0, weight.shape[1] - 1, 0))
    convolved = [past[place : place + len(x)] * weight[:, place] for place in range(weight.shape[1])]
    qkv = nn.functional.silu(torch.stack(convolved).sum(0))
    q, k, v = qkv.split([self.key_dim, self.key_dim, self.value_dim], dim=1)
    q, k = (part.view(len(x), self.num_k_heads, self.head_k_dim) for part in (q, k))
    q, k = (part / (part.square().sum(-1, keepdim=True) + 1e-6).sqrt() for part in (q, k))
    q, k = (part.repeat_interleave(self.num_v_heads // self.num_k_heads, dim=1) for part in (q, k))
    v = v.view(len(x), self.num_v_heads, self.head_v_dim)
    decays = torch.exp(-self.A_log.to(wide).exp() * nn.functional.softplus(a + self.dt_bias.to(wide)))
    state = x.new_zeros(self.num_v_heads, self.head_k_dim, self.head_v_dim, dtype=wide)
    read = []
    for token in range(len(x)):
        state = state * decays[token, :, None, None]
        known = (k[token, :, :, None] * state).sum(1)
        new = torch.sigmoid(b[token])[:, None] * (v[token] - known)
        state = state + k[token, :, :, None] * new[:, None]
        read.append((q[token, :, :, None] * state).sum(1) * self.head_k_dim**-0.5)
    out = nn.functional.rms_norm(
        torch.stack(read), (self.head_v_dim,), self.norm.weight.to(wide), self.norm.variance_epsilon
    )
    out = out.view(len(x), -1) * nn.functional.silu(z)
    result: torch.Tensor = self.out_proj(out.to(x.dtype)[None])
    return result


def packed(
    model: Any,
    items: Items,
    capacity: int,
    multiple: int = 1,
    dropout_key: tuple[int, int] | None = None,
    decoder: PackedDecoder | None = None,
    shared: int = 0,
    passes: Passes | None = None,
) -> tuple[float, dict[str, torch.Tensor]]:
    """Return what `reference` does, by `PackedDecoder` on micro-batches of at most `capacity` tokens.

    The first `shared` tokens of each example are computed once a micro-batch.
    """
    decoder = decoder or PackedDecoder(model)
    step = StepPacker(capacity, multiple, shared=shared)(items)
    batches = [batch.to(decoder.embeddings.weight.device) for batch in step["micro_batches"]]
    model.zero_grad()
    total = sum(decoder.add_gradients(b, step["target_tokens"], dropout_key, passes).item() for b in batches)
    return total / step["target_tokens"], gradients(model)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}


def worst_error(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    """Return the largest relative error |ours - theirs| / |theirs| of a weight's gradient."""
    assert ours.keys() == theirs.keys()
    assert all(gradient.abs().max() > 0 for gradient in theirs.values())
    return max(
        float((ours[name].double() - gradient.double()).norm() / gradient.double().norm())
        for name, gradient in theirs.items()
    )
