"""Runs that pause to be measured: they end with the bytes of one that never did."""

import signal

import pytest

from src.tests.training.stopped_runs import EPOCH, SignalAt, config_for, end_of, last_checkpoint, trainer_for
from src.training.guards.interrupts import TrainingInterrupted
from src.training.pause import PauseAt, TrainingPaused, evaluation_loss
from src.training.state.checkpointed_trainer import STATE


def paused(config, pause, resume=None, callbacks=()):
    with pytest.raises(TrainingPaused) as stop:
        trainer_for(config, resume, callbacks, pause=pause).train()
    return stop.value


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_a_paused_run_ends_with_the_same_bytes(base, tmp_path, whole, engine):
    """Paused in the midst of an epoch and at its end, where the run's own evaluation is still to come."""
    config, steps = config_for(base, tmp_path, engine), [3, 2 * EPOCH]
    first = PauseAt(steps, [evaluation_loss] * 2, until=0)
    assert paused(config, first).step == 3
    second = PauseAt(steps, [evaluation_loss] * 2, until=1)
    assert paused(config, second, last_checkpoint(tmp_path)).step == 2 * EPOCH
    last = PauseAt(steps, [evaluation_loss] * 2, until=None)
    trainer_for(config, last_checkpoint(tmp_path), pause=last).train()
    end, _ = whole[engine]
    assert end_of(tmp_path) == end
    logged = {line["step"]: line["eval_loss"] for line in end[1] if "eval_loss" in line}
    assert last.measured == {0: first.measured[0], 1: logged[2 * EPOCH]}


def test_what_is_measured_without_a_pause_changes_nothing(base, tmp_path, whole):
    pause = PauseAt([3, EPOCH], [evaluation_loss] * 2, until=None)
    trainer_for(config_for(base, tmp_path), pause=pause).train()
    assert end_of(tmp_path) == whole["packed"][0]
    assert sorted(pause.measured) == [0, 1]


def test_a_checkpoint_knows_what_was_measured(base, tmp_path):
    pause = PauseAt([3], [lambda trainer: 0.25], until=0)
    paused(config_for(base, tmp_path), pause)
    saved = last_checkpoint(tmp_path).read_json(f"{STATE}.json")
    assert saved["stateful"]["PauseAt"] == {"measured": {"0": 0.25}}
    assert saved["finished"] is False


def test_out_of_time_it_is_measured_and_paused_at_once(base, tmp_path):
    pause = PauseAt([8, 11], [lambda trainer: trainer.state.global_step] * 2, None, in_time=lambda step: step < 2)
    assert paused(config_for(base, tmp_path), pause).step == 2
    assert pause.measured == {0: 2}


def test_a_signal_in_a_measurement_leaves_it_for_the_next_step(base, tmp_path, whole):
    config = config_for(base, tmp_path)
    stops, pause = SignalAt(3, signal.SIGTERM, "evaluation"), PauseAt([3], [evaluation_loss], until=0)
    with pytest.raises(TrainingInterrupted) as stop:
        trainer_for(config, callbacks=[stops], pause=pause).train()
    assert (type(stop.value), stop.value.step, pause.measured) == (TrainingInterrupted, 4, {})
    again = PauseAt([3], [evaluation_loss], until=0)
    assert paused(config, again, last_checkpoint(tmp_path)).step == 5
    trainer_for(config, last_checkpoint(tmp_path), pause=PauseAt([3], [evaluation_loss], until=None)).train()
    assert end_of(tmp_path) == whole["packed"][0]
