"""The plan of a GPU's memory: its formula on sizes worked out by hand, and what it chooses."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from src.models.packed_decoder import PackedDecoder
from src.training.memory_plan import MemoryPlan, StepTokens, kept_bytes, peak_bytes, plan_memory, relative_time


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


STEP = StepTokens(mean=18000, most=20000, longest=900)


def test_tokens_of_a_step():
    # mean 20, deviation 10; two examples: 40 + 4 * 10 * sqrt(2) = 96.6, but no more than twice 30
    assert StepTokens.of([10, 30], 2) == StepTokens(40, 60, 30)
    assert StepTokens.of([10, 10, 10, 30], 100) == StepTokens(60, 120, 30)  # a step has no more than there are
    # mean 100, deviation 10; 64 examples: 6400 + 4 * 10 * 8
    assert StepTokens.of([90, 110] * 100, 64) == StepTokens(6400, 6720, 110)


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
        plan = plan_memory(decoder, budget, None, recompute=True, step=STEP)
        assert plan.peak_bytes <= budget
        assert plan.peak_bytes == peak_bytes(decoder, plan.micro_batch_tokens, plan.kept_layers, plan.keeps_inputs)
        times.append(relative_time(plan, 3, STEP.mean))
    assert times == sorted(times, reverse=True)
    assert times[0] > times[-1]
    assert plan == MemoryPlan(20224, 3, True, plan.peak_bytes)  # a step in one micro-batch of a multiple of 256


def test_without_recomputation_all_layers_keep_or_nothing_fits(decoder):
    least = peak_bytes(decoder, 1024, 3, keeps_inputs=False)
    assert plan_memory(decoder, least, None, recompute=False, step=STEP) == MemoryPlan(1024, 3, False, least)
    assert plan_memory(decoder, least - 1, None, recompute=False, step=STEP) is None
    assert plan_memory(decoder, least - 1, None, recompute=True, step=STEP).kept_layers < 3
    assert plan_memory(decoder, 1000, None, recompute=True, step=STEP) is None


def test_a_fixed_micro_batch_stays(decoder):
    assert plan_memory(decoder, 1e9, 700, recompute=True, step=STEP).micro_batch_tokens == 700
