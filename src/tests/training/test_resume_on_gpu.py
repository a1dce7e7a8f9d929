"""On a GPU, with deterministic kernels: runs that stop and go on, bit for bit; paged states, CUDA graphs, fp16."""

import json
import math

import pytest
import torch

from src.tests.tiny_models import write_tiny_model
from src.tests.training.stopped_runs import SignalAt, config_for, end_of, last_checkpoint, trainer_for
from src.training.guards.interrupts import TrainingInterrupted

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A model whose adapters' states are so large that bitsandbytes pages them, with weights of a usual size."""
    shape = {"hidden_size": 1024, "intermediate_size": 2048, "num_attention_heads": 8, "initializer_range": 0.02}
    return write_tiny_model(tmp_path_factory.mktemp("wide"), **shape)


def settings_of(engine, **settings):
    usual = {"lora__r": 128, "lora__alpha": 128, "training__learning_rate": 1e-3, "training__deterministic": True}
    return {"engine": engine, **usual, **settings}


def whole_and_stopped(base, folder, step, settings, prepare=lambda trainer: None):
    """Train without a stop, and with one in `step`; return both trainers at their ends.

    `prepare` sees the trainers that begin a run, not the one that goes on.
    """
    whole = trainer_for(config_for(base, folder / "whole", **settings))
    prepare(whole.trainer)
    whole.train()
    config = config_for(base, folder / "stopped", **settings)
    first = trainer_for(config, callbacks=[SignalAt(step)])
    prepare(first.trainer)
    with pytest.raises(TrainingInterrupted):
        first.train()
    checkpoint = last_checkpoint(folder / "stopped")
    assert checkpoint.step == step
    resumed = trainer_for(config, checkpoint)
    resumed.train()
    return whole.trainer, resumed.trainer


def assert_equal_ends(folder):
    end, expected = end_of(folder / "stopped"), end_of(folder / "whole")
    losses = [line["loss"] for line in expected[1] if "loss" in line]
    assert losses
    assert all(map(math.isfinite, losses))
    assert end == expected


def paged(trainer):
    """The number of states of a trainer's optimizer that are paged."""
    tensors = [value for state in trainer.optimizer.state.values() for value in state.values()]
    return sum(bool(getattr(value, "is_paged", False)) for value in tensors)


@pytest.mark.parametrize(
    ("engine", "optim"),
    [("trainer", "paged_adamw_32bit"), ("trainer", "paged_adamw_8bit"), ("packed", "paged_adamw_8bit")],
)
def test_paged_states_come_back_bit_for_bit(wide, tmp_path, engine, optim):
    trainers = whole_and_stopped(wide, tmp_path, 7, settings_of(engine, training__optim=optim))
    assert_equal_ends(tmp_path)
    assert paged(trainers[0]) == paged(trainers[1]) > 0


@pytest.mark.parametrize("step", [1, 2, 7])
def test_graphs_over_a_resume_give_the_same_bits(wide, tmp_path, step):
    """The first micro-batch of a process runs operation by operation, graphs come after it: other ones in each run."""
    trainers = whole_and_stopped(wide, tmp_path, step, settings_of("packed", training__optim="adamw_torch_fused"))
    assert_equal_ends(tmp_path)
    for trainer in trainers:
        assert trainer.passes.obstacle is None
        assert trainer.passes.captured > 0


def test_the_loss_scaler_of_fp16_goes_on(wide, tmp_path):
    """How often its scale grows is set in the runs that begin: the one that goes on must have read it."""
    settings = settings_of("auto", model__dtype="fp16")
    trainers = whole_and_stopped(
        wide, tmp_path, 7, settings, prepare=lambda trainer: trainer.accelerator.scaler.set_growth_interval(2)
    )
    assert_equal_ends(tmp_path)
    whole, resumed = (trainer.accelerator.scaler.state_dict() for trainer in trainers)
    assert resumed == whole
    assert resumed["growth_interval"] == 2
    saved = json.loads((last_checkpoint(tmp_path / "stopped").folder / "training_state.json").read_text())
    assert saved["scaler"] is not None
