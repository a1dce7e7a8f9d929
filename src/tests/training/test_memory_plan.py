"""The plan of a GPU's memory: its formula on sizes worked out by hand, and what it chooses."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from src.models.packed_decoder import PackedDecoder
from src.training.memory_plan import MemoryPlan, kept_bytes, peak_bytes, plan_memory, relative_time


@pytest.fixture
def decoder(monkeypatch):
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 1000)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    model = AutoModelForCausalLM.from_config(config)
    return PackedDecoder(get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj"])))


def test_the_formula_in_numbers(decoder):
    # q, k, v 32; attention 16; middle 16; gate and up 64; ranks 8: 136 columns of float32, 2 log sums, 8 bytes
    assert kept_bytes(decoder, 10, keeps_inputs=False) == 10 * (136 * 4 + 2 * 4 + 8) == 5600
    assert kept_bytes(decoder, 10, keeps_inputs=True) == 10 * ((136 + 16 + 16 + 32) * 4 + 16) == 8160
    trained = 3 * (4 * 16 + 16 * 4 + 4 * 32 + 16 * 4)
    steady, inputs, work = 1000 + 8 * trained, 10 * 3 * 16 * 4, 10 * (2 * 16 + 2 * 32) * 4
    assert peak_bytes(decoder, 10, 0, keeps_inputs=False) == steady + inputs + 5600 + work
    assert peak_bytes(decoder, 10, 3, keeps_inputs=False) == steady + inputs + 3 * 5600 + work


def test_more_memory_means_a_faster_plan_within_it(decoder):
    times = []
    for budget in (1.5e6, 3e6, 1e7, 1e9):
        plan = plan_memory(decoder, budget, None, recompute=True)
        assert plan.peak_bytes <= budget
        assert plan.peak_bytes == peak_bytes(decoder, plan.micro_batch_tokens, plan.kept_layers, plan.keeps_inputs)
        times.append(relative_time(plan, 3))
    assert times == sorted(times, reverse=True)
    assert times[0] > times[-1]
    assert plan == MemoryPlan(24576, 3, True, plan.peak_bytes)


def test_without_recomputation_all_layers_keep_or_nothing_fits(decoder):
    least = peak_bytes(decoder, 1024, 3, keeps_inputs=False)
    assert plan_memory(decoder, least, None, recompute=False) == MemoryPlan(1024, 3, False, least)
    assert plan_memory(decoder, least - 1, None, recompute=False) is None
    assert plan_memory(decoder, least - 1, None, recompute=True).kept_layers < 3
    assert plan_memory(decoder, 1000, None, recompute=True) is None


def test_a_fixed_micro_batch_stays(decoder):
    assert plan_memory(decoder, 1e9, 700, recompute=True).micro_batch_tokens == 700
