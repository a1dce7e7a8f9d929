"""What the planner is told of a loaded model, and what training does with its choice."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

from src.config.schema import TrainingSettings
from src.errors import YoyakError
from src.planner.job import Shards
from src.planner.memory import steady_parts
from src.tests.tiny_architectures import write_architecture
from src.training import memory_plan
from src.training.memory_plan import (
    MemoryPlan,
    checkpointing_arguments,
    dataset_examples,
    job_of_model,
    plan_loaded,
    plan_packed,
    recomputes_layers,
)
from src.training.refine.memory import GroupLengths


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


def test_the_job_of_a_loaded_model(model):
    job = job_of_model(model, TrainingSettings(batch_size=4, gradient_accumulation_steps=2), "packed")
    assert (job.method, job.dtype, job.rank, job.targets) == ("lora", "bf16", 4, ("q_proj", "down_proj"))
    assert job.trained == sum(p.numel() for p in model.parameters() if p.requires_grad) == 3 * (8 * 16 + 4 * 48)
    assert job.examples == 8
    assert job.checkpointing is None  # the packed engine does it where memory asks for it
    assert job_of_model(model, TrainingSettings(), "trainer").checkpointing is True
    assert job_of_model(model.get_base_model(), TrainingSettings(), "trainer").method == "full"


def test_the_job_of_a_model_that_is_cut_over_ranks(model, monkeypatch, card):
    monkeypatch.setattr(memory_plan, "rank_count", lambda: 4)
    training = TrainingSettings(batch_size=4, gradient_accumulation_steps=2, optim="paged_adamw_32bit")
    whole = job_of_model(model, training, "packed")
    assert (whole.shards, whole.cards, whole.examples, whole.step_examples) == (None, 4, 2, 8)
    with monkeypatch.context() as patch:
        patch.setattr(memory_plan, "shared_layers_of", lambda model: object())
        frozen = job_of_model(model, training, "packed")
    assert frozen.shards == Shards(4, 278e9, 2 * 5e-6)  # NVLink joins H100s
    monkeypatch.setattr(memory_plan, "is_cut", lambda model: True)
    trained = job_of_model(model.get_base_model(), training, "trainer")
    assert (trained.shards, trained.optimizer) == (frozen.shards, "adamw_torch")
    assert (whole.optimizer, frozen.optimizer) == ("paged_adamw_32bit", "paged_adamw_32bit")


def test_examples_of_a_data_set():
    assert dataset_examples(Dataset())[:2] == ((100, 10), (200, 30))
    assert dataset_examples([{"input_ids": torch.zeros(40)}]) == ((40, 6),)


def test_the_plan_keeps_to_the_budget_and_counts_what_is_allocated(model, card):
    settings = TrainingSettings(batch_size=8, gradient_accumulation_steps=2, memory_budget_gb=0.2)
    choice, fits = plan_loaded(model, Dataset(), None, settings, "packed")
    assert fits
    assert 1_000_000 < choice.memory.peak_bytes <= 200_000_000
    plan = plan_packed(model, Dataset(), None, settings)
    assert plan.micro_batch_tokens == choice.micro_batch_tokens
    assert plan.peak_bytes == choice.memory.peak_bytes
    assert plan.step_seconds > 0


def test_tokens_that_all_examples_begin_with_are_planned_once(model, card):
    """Steps of 16 examples, 80 of each one's 100, 200 or 300 tokens shared: within 80 + 16 x 220."""
    settings = TrainingSettings(batch_size=16, gradient_accumulation_steps=1, micro_batch_tokens=8192)
    whole, shared = Dataset(), Dataset()
    shared.common_tokens = 80
    first, second = (plan_loaded(model, some, None, settings, "packed")[0] for some in (whole, shared))
    assert first.work.tokens - second.work.tokens == pytest.approx(80 * 15, rel=0.1)  # a last step of 12
    assert second.work.largest.tokens <= 80 + 16 * 220
    assert second.memory.peak_bytes < first.memory.peak_bytes
    assert second.time.seconds < first.time.seconds


@pytest.fixture
def hybrid():
    """Qwen3.5-4B's shape without any values, with an adapter."""
    shapes = json.loads((Path(memory_plan.__file__).parents[1] / "planner/shapes.json").read_text(encoding="utf-8"))
    sizes = dict(shapes["Qwen/Qwen3.5-4B"])
    config = AutoConfig.for_model(sizes.pop("model_type"), **sizes)
    with torch.device("meta"):
        causal_lm = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        return get_peft_model(causal_lm, LoraConfig(r=16, target_modules=["q_proj", "down_proj"]))


def shares(model, common, **settings):
    """Tell whether 64 examples of 280 tokens share so many of them, and in micro-batches of how many tokens."""
    data = Dataset()
    data.lengths, data.prompt_lengths, data.common_tokens = np.full(192, 280), np.full(192, 250), common
    settings = TrainingSettings(batch_size=64, gradient_accumulation_steps=1, memory_budget_gb=4, **settings)
    plan = plan_packed(model, data, None, settings)
    return plan.shares_beginning, plan.micro_batch_tokens


def test_a_short_beginning_is_not_shared_where_each_level_is_launched_by_itself(hybrid, model, card, monkeypatch):
    """Here are no such kernels: only what is said of them is replaced."""
    card.free = 80_000_000_000
    assert shares(hybrid, 35)[0]  # by operations of torch, whatever the plan expects of it
    monkeypatch.setattr(memory_plan, "flash_delta_obstacle", lambda device, key_width: None)
    assert job_of_model(hybrid, TrainingSettings(), "packed").flash
    assert not job_of_model(hybrid, TrainingSettings(), "trainer").flash
    assert shares(hybrid, 35)[0] is False
    assert shares(hybrid, 200)[0]  # most of each example
    assert shares(hybrid, 35, micro_batch_tokens=1024) == (False, 1024)
    assert shares(model, 35)[0]  # has no such layers


def test_groups_are_planned_with_what_goes_on_from_their_prompts(model, card):
    lengths, prompt_lengths = [100, 200, 300] * 20, [50, 50, 50] * 20
    groups = GroupLengths(lengths, prompt_lengths)
    assert plan_loaded(model, groups, None, TrainingSettings(), "packed")[0].work.levels == 2
    assert plan_loaded(model, Dataset(), None, TrainingSettings(), "packed")[0].work.levels == 1


def test_plans_of_earlier_versions_share():
    assert MemoryPlan(4096, 3, False, 5_000).shares_beginning


def test_a_fixed_micro_batch_stays(model, card):
    assert plan_packed(model, Dataset(), None, TrainingSettings(micro_batch_tokens=700)).micro_batch_tokens == 700


def test_what_cannot_fit_is_refused_in_one_line(model, card):
    with pytest.raises(
        YoyakError, match=r"^training.memory_budget_gb = 0.001: the training takes 0.1 GB at the least \(1.0 with"
    ):
        plan_packed(model, Dataset(), None, TrainingSettings(memory_budget_gb=0.001))
    card.free = 1_000_000
    with pytest.raises(YoyakError, match=r"^the GPU's free memory: the training takes"):
        plan_packed(model, Dataset(), None, TrainingSettings())


@pytest.mark.parametrize("wanted", [True, False])
def test_the_trainers_arguments_for_recomputation(wanted):
    assert wanted in [value for value in checkpointing_arguments(wanted).values() if isinstance(value, bool)]


def recomputes(model, wanted):
    return recomputes_layers(model, Dataset(), None, TrainingSettings(gradient_checkpointing=wanted))


def test_auto_settles_recomputation_by_what_is_free(model, card):
    assert recomputes(model, "auto") is False
    card.free = 1_000_000
    assert recomputes(model, "auto") is True
    assert recomputes(model, False) is False


def test_gradients_and_states_are_planned_though_they_are_not_there_yet(model, card):
    """Beside the 1 MB that is allocated: 3 layers of 320 float32 gradients in one buffer (in blocks of 512 bytes), and
    two states of 512 bytes for each of 12 matrices.
    """
    choice, _ = plan_loaded(model, Dataset(), None, TrainingSettings(optim="adamw_torch"), "packed")
    steady = sum(choice.memory.parts[name] for name in steady_parts(choice.job))
    assert steady == 1_000_000 + 8 * 512 + 12 * 2 * 512


def test_auto_recomputes_where_the_planner_does_not_know_the_model(tmp_path, card, caplog):
    folder = write_architecture(tmp_path, "gemma2")
    causal_lm = AutoModelForCausalLM.from_pretrained(folder)
    assert recomputes(get_peft_model(causal_lm, LoraConfig(target_modules=["q_proj"])), "auto") is True
    (said,) = caplog.messages
    assert said.startswith(
        "training.gradient_checkpointing = auto: on, since memory can't be planned (the model: models of type gemma2 "
        "can't be planned; those of llama, qwen2, qwen3, "
    )


@pytest.mark.parametrize(("wanted", "said"), [("auto", 0), (True, 1)])
def test_a_class_that_can_not_recompute_does_not(model, caplog, monkeypatch, wanted, said):
    monkeypatch.setattr(type(model.get_base_model()), "supports_gradient_checkpointing", False)
    assert recomputes(model, wanted) is False
    assert caplog.messages == ["training.gradient_checkpointing: off, since LlamaForCausalLM can't"][:said]
