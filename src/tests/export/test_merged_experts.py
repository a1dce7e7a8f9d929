"""Mixtures of experts: adapters on fused experts are merged, and what a family keeps in float32 stays so."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from src.export.merged import merge_adapter
from src.tests.export.small_models import SIZES, logits_of

ROUTED = {"n_routed_experts": 4, "moe_intermediate_size": 32, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 32, "head_dim": 16},
    "qwen2_moe": {"num_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
    "olmoe": {"num_experts": 4},
    "mixtral": {"num_local_experts": 4},
    "gpt_oss": {"num_local_experts": 4, "head_dim": 16},
    "glm4_moe": {**ROUTED, "head_dim": 16},
    "deepseek_v3": {
        **ROUTED,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 16,
        "num_key_value_heads": 4,
    },
}
pytestmark = pytest.mark.filterwarnings("ignore:The following .* keys did not match")  # PEFT's own
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def experts_model(family: str, adapter: dict[str, Any]) -> Any:
    """Return a random mixture of experts with a random adapter."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**SIZES, "num_experts_per_tok": 2, **FAMILIES[family]})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.2)
    settings = LoraConfig(r=2, init_lora_weights=False, task_type="CAUSAL_LM", **adapter)
    return get_peft_model(model, settings).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_merged_and_written_it_computes_the_same(tmp_path: Path, family: str) -> None:
    model = experts_model(family, {"target_modules": LAYERS})
    before = logits_of(model)
    merged = merge_adapter(model, torch.float32)
    assert not any("lora" in name for name, _ in merged.named_parameters())
    merged.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    for one in (merged, again):
        assert torch.allclose(logits_of(one), before, atol=1e-3)


def test_experts_alone_are_merged_and_rounded() -> None:
    parameters = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
    model = experts_model("qwen3_moe", {"target_modules": ["q_proj"], "target_parameters": parameters})
    before, experts = logits_of(model), model.base_model.model.model.layers[0].mlp.experts.get_base_layer()
    start = experts.down_proj.detach().clone()
    merged = merge_adapter(model, torch.bfloat16)
    weight = merged.model.layers[0].mlp.experts.down_proj
    assert weight.dtype == torch.bfloat16
    assert (weight.float() - start).abs().max() > 0.01
    difference = logits_of(merged.float()) - before
    assert difference.norm() / before.norm() < 0.05


def test_what_a_family_keeps_in_float32_stays_so() -> None:
    merged = merge_adapter(experts_model("deepseek_v3", {"target_modules": ["o_proj"]}), torch.bfloat16)
    kinds = {name.rsplit(".", 1)[-1]: weight.dtype for name, weight in merged.state_dict().items()}
    assert kinds["e_score_correction_bias"] == torch.float32
    assert kinds["down_proj"] == torch.bfloat16
