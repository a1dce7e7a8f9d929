"""Runs that stop and go on in this process; runs that are killed are in `benchmarks/soak_kills.py`."""

import os
import signal

import pytest
import torch
from transformers import TrainerCallback

from src.errors import YoyakError
from src.tests.packed_models import WRITTEN_OUT
from src.tests.tiny_models import DIALOGUES, write_tiny_model
from src.tests.training.stopped_runs import EPOCH, SignalAt, config_for, end_of, last_checkpoint, stopped, trainer_for
from src.training.guards.interrupts import TrainingInterrupted
from src.training.memory_plan import MemoryPlan
from src.training.state.checkpoints import find_checkpoint


class FailsAtOnce(TrainerCallback):
    def on_step_end(self, *_, **__):
        raise YoyakError("no more")


@pytest.mark.parametrize(
    ("engine", "step", "event"),
    [
        ("packed", 7, "step"),  # in the midst of an epoch, between two lines of the log
        ("packed", EPOCH, "step"),  # an epoch's end, with its evaluation still to come
        ("packed", 3 * EPOCH, "evaluation"),
        ("trainer", 7, "step"),
        ("trainer", 2 * EPOCH, "evaluation"),
        pytest.param("packed", 2 * EPOCH, "evaluation", marks=pytest.mark.slow),
        pytest.param("packed", 2 * EPOCH, "save", marks=pytest.mark.slow),  # it was saved: one more step is made
        pytest.param("packed", 3 * EPOCH, "step", marks=pytest.mark.slow),  # the last step
        pytest.param("trainer", EPOCH, "step", marks=pytest.mark.slow),
        pytest.param("trainer", 2 * EPOCH, "save", marks=pytest.mark.slow),
        pytest.param("trainer", 3 * EPOCH, "step", marks=pytest.mark.slow),
        pytest.param("trainer", 3 * EPOCH, "evaluation", marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_goes_on_bit_for_bit(base, tmp_path, whole, engine, step, event):
    config = config_for(base, tmp_path, engine)
    stop = stopped(config, step, signal.SIGTERM, event)
    assert stop.exit_code == 143
    assert stop.step == step + (event == "save")
    checkpoint = last_checkpoint(tmp_path)
    assert checkpoint.folder == stop.checkpoint
    results = trainer_for(config, checkpoint).train()
    end, uninterrupted = whole[engine]
    assert end_of(tmp_path) == end
    assert results["trained_tokens"] == uninterrupted["trained_tokens"]
    assert results["train_loss"] == uninterrupted["train_loss"]
    assert results["eval_metrics"]["eval_loss"] == uninterrupted["eval_metrics"]["eval_loss"]


@pytest.mark.slow
def test_stopped_at_every_step(base, tmp_path, whole):
    config = config_for(base, tmp_path)
    checkpoint = None
    for step in range(1, 3 * EPOCH):
        assert stopped(config, step, resume=checkpoint).step == step
        checkpoint = last_checkpoint(tmp_path)
    trainer_for(config, checkpoint).train()
    assert end_of(tmp_path) == whole["packed"][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"lora__use_dora": True},
        {"lora__use_rslora": True, "lora__loraplus_lr_ratio": 16.0},
        {"lora__init": "eva", "lora__use_qlora": False},
        {"lora__init": "pissa", "lora__use_qlora": False},
        {"lora__init": "olora", "lora__use_qlora": False},
        {"lora__init": "orthogonal"},
        {"training__neftune_noise_alpha": 5.0},
        {"training__optim": "adafactor"},
        {"training__metric_for_best_model": "rouge_sum"},
        {"model__chat_template": "llama"},  # trains the rows of added tokens
    ],
    ids=lambda settings: next(f"{name}={value}" for name, value in settings.items()),
)
def test_every_kind_of_training_goes_on_bit_for_bit(base, tmp_path, settings):
    short = {"training__engine": "auto", "training__epochs": 2.0}
    for name in ("whole", "stopped"):
        config = config_for(base, tmp_path / name, **short | settings)
        if name == "stopped":
            stopped(config, 3)
        trainer_for(config, last_checkpoint(tmp_path / name) if name == "stopped" else None).train()
    assert end_of(tmp_path / "stopped") == end_of(tmp_path / "whole")


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_full_fine_tuning_goes_on_bit_for_bit(base, tmp_path, engine):
    ends = []
    for name, stop in (("whole", None), ("stopped", 7)):
        config = config_for(base, tmp_path / name, engine, lora__use_lora=False, lora__use_qlora=False)
        checkpoint = None
        if stop:
            stopped(config, stop)
            checkpoint = last_checkpoint(tmp_path / name)
        trainer_for(config, checkpoint).train()
        ends.append((tmp_path / name / "tiny" / "final_model" / "model.safetensors").read_bytes())
    assert ends[0] == ends[1]


@pytest.mark.parametrize("whole", [False, True], ids=["qlora", "full"])
@pytest.mark.parametrize("family", ["gemma3_text", "gemma4_text", "qwen3_5_text"])
@pytest.mark.long
def test_windows_norms_around_and_delta_rules_go_on_bit_for_bit(tmp_path, family, whole):
    base = write_tiny_model(tmp_path / "base", family, **WRITTEN_OUT[family])
    settings = {"lora__use_lora": False, "lora__use_qlora": False} if whole else {}
    for name in ("whole", "stopped"):
        config = config_for(base, tmp_path / name, training__epochs=1.0, **settings)
        if name == "stopped":
            stopped(config, 3)
        trainer_for(config, last_checkpoint(tmp_path / name) if name == "stopped" else None).train()
    assert end_of(tmp_path / "stopped") == end_of(tmp_path / "whole")


def test_a_run_that_does_not_share_its_beginning_never_does(tmp_path):
    """A GPU's plan, computed on a CPU: a hybrid has no graphs."""
    base = write_tiny_model(tmp_path / "base", "qwen3_5_text", **WRITTEN_OUT["qwen3_5_text"])
    plan = MemoryPlan(1024, 1, False, 5_000, shares_beginning=False)
    for name in ("whole", "stopped"):
        config = config_for(base, tmp_path / name, training__epochs=1.0)
        begun = trainer_for(config, callbacks=[SignalAt(3)] if name == "stopped" else [], plan=plan)
        assert begun.trainer.room.packer.shared == 0
        if name == "stopped":
            with pytest.raises(TrainingInterrupted):
                begun.train()
            begun = trainer_for(config, last_checkpoint(tmp_path / name))
            assert begun.trainer.room.packer.shared == 0
        begun.train()
    assert end_of(tmp_path / "stopped") == end_of(tmp_path / "whole")


@pytest.mark.long
def test_early_stopping_goes_on_counting_and_stays_stopped(base, tmp_path):
    """A rate that ruins the model: an evaluation that is worse than the best ends the run."""
    settings = {"training__learning_rate": 3.0, "training__early_stopping_patience": 1, "training__epochs": 9.0}
    expected = trainer_for(config_for(base, tmp_path / "whole", **settings)).train()["steps"]
    config = config_for(base, tmp_path / "stopped", **settings)
    stopped(config, expected - 2)
    assert trainer_for(config, last_checkpoint(tmp_path / "stopped")).train()["steps"] == expected
    assert end_of(tmp_path / "stopped") == end_of(tmp_path / "whole")
    again = trainer_for(config, last_checkpoint(tmp_path / "stopped")).train()  # as after a kill in the final save
    assert again["steps"] == expected
    assert end_of(tmp_path / "stopped") == end_of(tmp_path / "whole")


@pytest.mark.slow
def test_evaluation_every_few_steps(base, tmp_path):
    for name in ("whole", "stopped"):
        config = config_for(base, tmp_path / name, training__eval_steps=4, training__max_steps=11)
        checkpoint = None
        if name == "stopped":
            stopped(config, 8)
            checkpoint = last_checkpoint(tmp_path / name)
        trainer_for(config, checkpoint).train()
    assert end_of(tmp_path / "stopped") == end_of(tmp_path / "whole")
    assert [line["step"] for line in end_of(tmp_path / "whole")[1] if "eval_loss" in line] == [4, 8, 11]


def test_a_second_signal_leaves_at_once_with_the_last_checkpoint_whole(base, tmp_path, whole):
    config = config_for(base, tmp_path, training__save_steps=2)
    twice = [SignalAt(7, signal.SIGINT), SignalAt(7, signal.SIGINT)]
    with pytest.raises(KeyboardInterrupt) as stop:
        trainer_for(config, callbacks=twice).train()
    assert not isinstance(stop.value, TrainingInterrupted)
    assert stop.value.exit_code == 130
    checkpoint = last_checkpoint(tmp_path)
    assert checkpoint.step == 6
    trainer_for(config, checkpoint).train()
    assert end_of(tmp_path) == whole["packed"][0]


def test_the_signals_are_given_back(base, tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    trainer_for(config_for(base, tmp_path, training__max_steps=1)).train()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_signals_are_given_back_by_a_training_that_fails(base, tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(YoyakError, match="no more"):
        trainer_for(config_for(base, tmp_path), callbacks=[FailsAtOnce()]).train()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_damaged_checkpoint_costs_only_time(base, tmp_path, whole):
    config = config_for(base, tmp_path, training__save_steps=2)
    stopped(config, 9)
    newest = last_checkpoint(tmp_path)
    os.truncate(newest.folder / "training_state.safetensors", 100)
    checkpoint, damaged = find_checkpoint(tmp_path / "tiny" / "checkpoints")
    assert checkpoint.step == EPOCH  # of the best weights so far
    assert len(damaged) == 1
    assert damaged[0].startswith(f"{newest.folder}: training_state.safetensors has 100 of ")
    trainer_for(config, checkpoint).train()
    assert end_of(tmp_path) == whole["packed"][0]
    assert find_checkpoint(tmp_path / "tiny" / "checkpoints")[1] == []


def test_the_run_may_be_moved(base, tmp_path, whole):
    stopped(config_for(base, tmp_path / "here"), 7)
    (tmp_path / "here").rename(tmp_path / "there")
    config = config_for(base, tmp_path / "there", training__save_total_limit=4)
    trainer_for(config, last_checkpoint(tmp_path / "there")).train()
    assert end_of(tmp_path / "there") == whole["packed"][0]


def test_another_run_is_refused_naming_each_difference(base, tmp_path):
    stopped(config_for(base, tmp_path), 3)
    other = config_for(base, tmp_path, training__weight_decay=0.3, training__save_steps=1)
    with pytest.raises(YoyakError) as error:
        trainer_for(other, last_checkpoint(tmp_path), dialogues=["A: Other.", *DIALOGUES[1:]])
    assert str(error.value) == (
        f"{tmp_path}/tiny: can't go on, this is another run: training.weight_decay is 0.3, was 0.1; "
        "data.train data/raw/train.csv gives other examples; set it back, or begin anew with --overwrite or another "
        "experiment.name"
    )


def test_what_was_resolved_is_reused(base, tmp_path):
    """What this machine would choose now is not asked: the type stays, and so does the number of threads."""
    config = config_for(base, tmp_path)
    stopped(config, 3)
    checkpoint = last_checkpoint(tmp_path)
    facts = checkpoint.read_json("training_state.json")["facts"]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        trainer = trainer_for(config, checkpoint)
        assert torch.get_num_threads() == threads == facts["resolved"]["compute"]["threads"]
    finally:
        torch.set_num_threads(threads)
    assert trainer.resolved.compute.reason == facts["resolved"]["compute"]["reason"]
    assert trainer.resolved.engine.name == "packed"
    assert trainer.trainer.facts == facts
