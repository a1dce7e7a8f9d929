"""What changes of settings buy, in words and in order."""

from dataclasses import replace

import pytest

from src.config import load_config
from src.planner.advice import Change, arguments, best_changes, candidate_settings, gain_of, hours, is_worth_a_line
from src.planner.devices import find_device
from src.planner.lengths import lengths_by_hand
from src.planner.plan import Plan, Situation, make_plan
from src.planner.shapes import find_shape
from src.planner.words import plan_text


def situation(*overrides: str, gigabytes: float = 80) -> Situation:
    config = load_config("llama_3.2_3b", overrides)
    device = replace(find_device("H100"), memory_bytes=int(gigabytes * 1e9))
    lengths = lengths_by_hand("300,600,1000", 500)
    return Situation(config, find_shape(config.model.checkpoint)[0], lengths, lengths.first(50), device)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(situation())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2.0 h"), (9000, "2.5 h")],
)
def test_durations_in_the_unit_that_suits(seconds, words):
    assert hours(seconds) == words


def test_settings_are_written_as_the_command_line_takes_them():
    settings = {"training.memory_budget_gb": None, "lora.use_lora": True, "lora.r": 8, "model.dtype": "bf16"}
    assert arguments(settings) == "training.memory_budget_gb=null lora.use_lora=true lora.r=8 model.dtype=bf16"


@pytest.mark.parametrize(
    ("saved", "seconds", "fits", "words"),
    [
        (2_340_000_000, 90.0, True, "lora.r=8: 2.3 GB less, 90 s shorter"),
        (-2_340_000_000, -90.0, True, "lora.r=8: 2.3 GB more, 90 s longer"),
        (60_000_000, 0.5, False, "lora.r=8: 0.1 GB less, and does not fit"),
        (40_000_000, 7200.0, True, "lora.r=8: 2.0 h shorter"),
        (0, 0.0, True, "lora.r=8: nothing"),
    ],
)
def test_a_change_in_words(plan, saved, seconds, fits, words):
    assert Change({"lora.r": 8}, saved, seconds, replace(plan, fits=fits)).sentence() == words


def test_what_is_worth_a_line(plan):
    total = plan.total_seconds
    assert is_worth_a_line(plan, Change({}, 200_000_001, 0, plan))
    assert not is_worth_a_line(plan, Change({}, 200_000_000, 0.029 * total, plan))
    assert is_worth_a_line(plan, Change({}, 0, 0.031 * total, plan))
    assert is_worth_a_line(replace(plan, fits=False), Change({}, 0, 0, plan))  # it makes the run fit


def test_memory_counts_half_where_the_run_fits(plan):
    quarter = Change({}, plan.choice.memory.device_bytes // 4, 0.2 * plan.total_seconds, plan)
    assert gain_of(plan, quarter) == pytest.approx(0.2)
    assert gain_of(replace(plan, fits=False), quarter) == pytest.approx(0.25)


def test_a_smaller_batch_is_accumulated_as_much_more():
    tried = list(candidate_settings(situation("training.engine=trainer"), "trainer"))
    assert {"training.batch_size": 4, "training.gradient_accumulation_steps": 16} in tried
    assert {"training.batch_size": 1, "training.gradient_accumulation_steps": 64} in tried
    assert all("training.batch_size" not in settings for settings in candidate_settings(situation(), "packed"))


def test_changes_that_leave_the_learning_alone_come_first():
    tried = list(candidate_settings(situation("training.memory_budget_gb=5"), "packed"))
    assert tried == [
        {"training.memory_budget_gb": None},
        {"training.eval_batch_size": 1},
        {"lora.dropout": 0.0},
        {"lora.r": 8},
        {"tokenizer.encoder_max_len": 512},
    ]
    whole = situation("lora.use_lora=false", "lora.use_qlora=false", "training.gradient_checkpointing=false")
    assert [settings for settings in candidate_settings(whole, "packed") if "lora.use_lora" in settings] == [
        {"lora.use_lora": True, "lora.use_qlora": False},
        {"lora.use_lora": True, "lora.use_qlora": True},
    ]
    assert {"training.gradient_checkpointing": True} in list(candidate_settings(whole, "packed"))


def test_the_changes_that_fit_come_first_and_what_they_buy_is_the_difference_of_two_plans():
    plan = make_plan(situation("lora.use_lora=false", "lora.use_qlora=false", gigabytes=8))
    changes = best_changes(plan)
    fitting = [change.plan.fits for change in changes]
    assert fitting == sorted(fitting, reverse=True)
    assert fitting[0]
    first = changes[0]
    assert first.saved_bytes == plan.choice.memory.device_bytes - first.plan.choice.memory.device_bytes > 0
    assert first.saved_seconds == pytest.approx(plan.total_seconds - first.plan.total_seconds)
    assert len(best_changes(plan, most=1)) == 1


def test_what_flash_linear_attention_would_buy_a_hybrid_is_said_first() -> None:
    config, device = load_config("qwen3.5_4b", ["training.memory_budget_gb=10"]), find_device("H200")
    lengths = lengths_by_hand("300,600,1000", 500)
    seen = Situation(config, find_shape(config.model.checkpoint)[0], lengths, lengths.first(50), device)
    by_torch, by_flash = make_plan(seen), make_plan(replace(seen, flash=True))
    change = best_changes(by_torch)[0]
    assert change.sentence().startswith("pip install 'yoyak[fla]': ")
    assert change.saved_seconds == by_torch.total_seconds - by_flash.total_seconds > 0
    assert "  gated delta rule: counted by operations of torch" in plan_text(by_torch, [], None)
    assert "  gated delta rule: counted by Flash Linear Attention" in plan_text(by_flash, [], None)
    assert [plan.as_json()["flash_linear_attention"] for plan in (by_torch, by_flash)] == [False, True]
    assert not any(change.installed for change in best_changes(by_flash))
    trainer = load_config("qwen3.5_4b", ["training.engine=trainer"])
    others = (replace(seen, config=trainer, flash=True), situation())
    for plan in map(make_plan, others):
        assert not plan.choice.job.flash
        assert not any(change.installed for change in best_changes(plan))
        assert "gated delta rule" not in plan_text(plan, [], None)
