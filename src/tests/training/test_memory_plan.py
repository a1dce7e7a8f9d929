"""What the planner is told of a loaded model, and what training does with its choice."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from src.config.schema import TrainingSettings
from src.errors import YoyakError
from src.tests.tiny_architectures import write_architecture
from src.training.memory_plan import (
    checkpointing_arguments,
    dataset_examples,
    job_of_model,
    plan_loaded,
    recomputes,
    settle_checkpointing,
)
from src.training.packed_step import plan_run


@pytest.fixture
def model():
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    causal_lm = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    return get_peft_model(causal_lm, LoraConfig(r=4, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"))


@pytest.fixture
def card(monkeypatch):
    """A card of 1 GB of which 900 MB are free and 1 MB allocated, as the driver would tell."""
    told = SimpleNamespace(free=900_000_000)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 1_000_000)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 2_000_000)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (told.free, 1_000_000_000))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=1_000_000_000))
    return told


class Dataset(list[dict[str, torch.Tensor]]):
    lengths = np.array([100, 200, 300] * 20)
    prompt_lengths = np.array([90, 170, 250] * 20)


def trainer(model):
    return SimpleNamespace(model=model, train_dataset=Dataset(), eval_dataset=None, args=SimpleNamespace())


def test_the_job_of_a_loaded_model(model):
    job = job_of_model(model, TrainingSettings(batch_size=4, gradient_accumulation_steps=2), "packed")
    assert (job.method, job.dtype, job.rank, job.targets) == ("lora", "bf16", 4, ("q_proj", "down_proj"))
    assert job.trained == sum(p.numel() for p in model.parameters() if p.requires_grad) == 3 * (8 * 16 + 4 * 48)
    assert job.examples == 8
    assert job.checkpointing is None  # the packed engine does it where memory asks for it
    assert job_of_model(model, TrainingSettings(), "trainer").checkpointing is True
    assert job_of_model(model.get_base_model(), TrainingSettings(), "trainer").method == "full"


def test_examples_of_a_data_set():
    assert dataset_examples(Dataset())[:2] == ((100, 10), (200, 30))
    assert dataset_examples([{"input_ids": torch.zeros(40)}]) == ((40, 6),)


def test_the_plan_keeps_to_the_budget_and_counts_what_is_allocated(model, card):
    settings = TrainingSettings(batch_size=8, gradient_accumulation_steps=2, memory_budget_gb=0.1)
    choice, fits = plan_loaded(trainer(model), settings, "packed")
    assert fits
    assert 1_000_000 < choice.memory.peak_bytes <= 100_000_000
    plan = plan_run(trainer(model), settings)
    assert plan.micro_batch_tokens == choice.micro_batch_tokens
    assert plan.peak_bytes == choice.memory.peak_bytes
    assert plan.step_seconds > 0


def test_tokens_that_all_examples_begin_with_are_planned_once(model, card):
    """Steps of 16 examples, 80 of each one's 100, 200 or 300 tokens shared: within 80 + 16 x 220."""
    settings = TrainingSettings(batch_size=16, gradient_accumulation_steps=1, micro_batch_tokens=8192)
    whole, shared = trainer(model), trainer(model)
    shared.train_dataset.common_tokens = 80
    first, second = (plan_loaded(some, settings, "packed")[0] for some in (whole, shared))
    assert first.work.tokens - second.work.tokens == pytest.approx(80 * 15, rel=0.1)  # a last step of 12
    assert second.work.largest.tokens <= 80 + 16 * 220
    assert second.memory.peak_bytes < first.memory.peak_bytes
    assert second.time.seconds < first.time.seconds


def test_a_fixed_micro_batch_stays(model, card):
    assert plan_run(trainer(model), TrainingSettings(micro_batch_tokens=700)).micro_batch_tokens == 700


def test_what_cannot_fit_is_refused_in_one_line(model, card):
    with pytest.raises(
        YoyakError, match=r"^training.memory_budget_gb = 0.001: the training takes 0.1 GB at the least \(1.0 with"
    ):
        plan_run(trainer(model), TrainingSettings(memory_budget_gb=0.001))
    card.free = 1_000_000
    with pytest.raises(YoyakError, match=r"^the GPU's free memory: the training takes"):
        plan_run(trainer(model), TrainingSettings())


@pytest.mark.parametrize(("wanted", "argument"), [(True, True), (False, False), ("auto", True)])
def test_the_trainers_arguments_for_recomputation(wanted, argument):
    arguments = checkpointing_arguments(TrainingSettings(gradient_checkpointing=wanted))
    assert argument in [value for value in arguments.values() if isinstance(value, bool)]


def test_auto_settles_recomputation_by_what_is_free(model, card):
    some = trainer(model)
    settle_checkpointing(some, TrainingSettings(gradient_checkpointing="auto"))
    assert recomputes(some) is False
    card.free = 1_000_000
    settle_checkpointing(some, TrainingSettings(gradient_checkpointing="auto"))
    assert recomputes(some) is True
    settle_checkpointing(some, TrainingSettings(gradient_checkpointing="auto"), earlier=False)
    assert recomputes(some) is False  # as the run that goes on did


def test_auto_recomputes_where_the_planner_does_not_know_the_model(tmp_path, card, caplog):
    folder = write_architecture(tmp_path, "qwen3_5_text")
    causal_lm = AutoModelForCausalLM.from_pretrained(folder)
    some = trainer(get_peft_model(causal_lm, LoraConfig(target_modules=["q_proj"])))
    settle_checkpointing(some, TrainingSettings(gradient_checkpointing="auto"))
    assert recomputes(some) is True
    assert caplog.messages == [
        "training.gradient_checkpointing = auto: on, since memory can't be planned (the model: models of type "
        "qwen3_5_text can't be planned; those of llama, qwen2, qwen3 can)"
    ]


@pytest.mark.parametrize(("wanted", "said"), [("auto", 0), (True, 1)])
def test_a_class_that_can_not_recompute_does_not(model, caplog, monkeypatch, wanted, said):
    monkeypatch.setattr(type(model.get_base_model()), "supports_gradient_checkpointing", False)
    some = trainer(model)
    settle_checkpointing(some, TrainingSettings(gradient_checkpointing=wanted))
    assert recomputes(some) is False
    assert caplog.messages == ["training.gradient_checkpointing: off, since LlamaForCausalLM can't"][:said]
