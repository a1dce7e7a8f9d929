"""What a run that goes on takes over, and what belongs to the steps that are made again."""

import hashlib
import json
import signal

import pytest
from transformers import TrainerState

from src.tests.training.stopped_runs import EPOCH, SignalAt, config_for, end_of, last_checkpoint, stopped, trainer_for
from src.training.guards.interrupts import TrainingInterrupted
from src.training.state.checkpoints import MANIFEST, Checkpoint, find_checkpoint, read_checkpoint, saved_steps

RUINS = {"training__learning_rate": 30.0, "training__lr_scheduler_type": "constant"}  # no evaluation beats the first


def rewritten(checkpoint, name, **changed):
    """The checkpoint with other values in a JSON file, whole as before."""
    path = checkpoint.folder / name
    path.write_text(json.dumps(checkpoint.read_json(name) | changed))
    manifest = json.loads((checkpoint.folder / MANIFEST).read_text())
    content = path.read_bytes()
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (checkpoint.folder / MANIFEST).write_text(json.dumps(manifest))
    return read_checkpoint(checkpoint.folder)


@pytest.mark.parametrize(
    ("strategy", "step", "epoch", "due"),
    [
        ("steps", 3, 0.6, False),
        ("steps", 4, 0.8, True),
        ("steps", 5, 1.0, False),
        ("steps", 8, 1.6, True),
        ("steps", 11, 2.2, True),  # the last step
        ("epoch", 4, 0.8, False),
        ("epoch", 5, 1.0, True),
        ("epoch", 11, 2.2, True),
        ("no", 8, 1.6, False),
        ("no", 11, 2.2, False),
    ],
)
def test_when_an_evaluation_belongs_to_a_step(base, tmp_path, strategy, step, epoch, due):
    trainer = trainer_for(config_for(base, tmp_path)).trainer
    trainer.args.eval_strategy = strategy
    trainer.state = TrainerState(global_step=step, epoch=epoch, max_steps=11, eval_steps=4)
    assert trainer.evaluation_due() is due


@pytest.mark.parametrize(("step", "told_to_stop", "ends"), [(10, False, False), (11, False, True), (10, True, True)])
def test_a_run_ends_at_its_last_step_or_where_it_is_told_to(base, tmp_path, step, told_to_stop, ends):
    trainer = trainer_for(config_for(base, tmp_path)).trainer
    trainer.state = TrainerState(global_step=step, max_steps=11)
    trainer.control.should_training_stop = told_to_stop
    assert trainer.ends_here() is ends
    trainer.guard.reason = "went wrong"
    assert trainer.ends_here() is False


@pytest.mark.parametrize("event", ["step", "evaluation"])
def test_an_evaluation_at_the_last_step_is_made_again(base, tmp_path, event):
    """The last of 6 steps is none of every fourth; the run stops right before or in its evaluation."""
    settings = {"training__eval_steps": 4, "training__max_steps": 6}
    trainer_for(config_for(base, tmp_path / "whole", **settings)).train()
    config = config_for(base, tmp_path / "stopped", **settings)
    stopped(config, 6, signal.SIGTERM, event)
    checkpoint = last_checkpoint(tmp_path / "stopped")
    state = checkpoint.read_json("training_state.json")
    assert (checkpoint.step, state["evaluation_pending"], state["finished"]) == (6, True, True)
    trainer_for(config, checkpoint).train()
    assert end_of(tmp_path / "stopped") == end_of(tmp_path / "whole")
    assert [line["step"] for line in end_of(tmp_path / "whole")[1] if "eval_loss" in line] == [4, 6]


def test_checkpoints_from_after_the_one_it_goes_on_from_go(base, tmp_path):
    """Of 2, 4, 5, 6, 8, 9 the run goes on from 5: 8 and 9 are another course's, however many may be kept."""
    config = config_for(base, tmp_path, training__save_steps=2, training__save_total_limit=50)
    stopped(config, 9)
    checkpoints = tmp_path / "tiny" / "checkpoints"
    assert saved_steps(checkpoints) == [2, 4, 5, 6, 8, 9]
    five = read_checkpoint(checkpoints / "checkpoint-5")
    with pytest.raises(TrainingInterrupted):
        trainer_for(config, five, callbacks=[SignalAt(7)]).train()
    assert saved_steps(checkpoints) == [2, 4, 5, 6, 7]


def test_seconds_and_tokens_are_summed_over_the_processes_of_a_run(base, tmp_path, whole):
    config = config_for(base, tmp_path)
    stopped(config, 7)
    checkpoint = rewritten(last_checkpoint(tmp_path), "training_state.json", seconds=[1000.0, 70.0, 7.0])
    trainer = trainer_for(config, checkpoint)
    results = trainer.train()
    assert 1000 < results["train_runtime"] < 1300
    assert 70 < results["evaluation_seconds"] < 300
    assert 7 < results["saving_seconds"] < 300
    assert results["trained_tokens"] == whole["packed"][1]["trained_tokens"]
    _, evaluating, saving = last_checkpoint(tmp_path).read_json("training_state.json")["seconds"]
    assert 70 < evaluating <= results["evaluation_seconds"]
    assert 7 < saving <= results["saving_seconds"]


def test_no_time_passes_before_training(base, tmp_path):
    assert trainer_for(config_for(base, tmp_path)).trainer.seconds_trained() == 0.0


def test_the_best_weights_are_kept_where_the_run_was_moved(base, tmp_path):
    settings = RUINS | {"training__save_total_limit": 1}
    trainer_for(config_for(base, tmp_path / "whole", **settings)).train()
    losses = [line["eval_loss"] for line in end_of(tmp_path / "whole")[1] if "eval_loss" in line]
    assert losses.index(min(losses)) == 0
    stopped(config_for(base, tmp_path / "here", **settings), 2 * EPOCH + 2)
    (tmp_path / "here").rename(tmp_path / "there")
    checkpoint = last_checkpoint(tmp_path / "there")
    assert (checkpoint.step, checkpoint.best_step) == (2 * EPOCH + 2, EPOCH)
    trainer = trainer_for(config_for(base, tmp_path / "there", **settings), checkpoint)
    trainer.train()
    assert end_of(tmp_path / "there") == end_of(tmp_path / "whole")
    best = tmp_path / "there" / "tiny" / "checkpoints" / f"checkpoint-{EPOCH}"
    assert trainer.trainer.state.best_model_checkpoint == str(best)
    assert saved_steps(best.parent) == [EPOCH, 3 * EPOCH]


def test_the_newest_checkpoint_names_its_step_and_the_best(base, tmp_path, whole):
    stopped(config_for(base, tmp_path), EPOCH + 2)
    folder = tmp_path / "tiny" / "checkpoints"
    assert find_checkpoint(folder) == (Checkpoint(folder / f"checkpoint-{EPOCH + 2}", EPOCH + 2, EPOCH), [])


def test_what_was_found_out_about_memory_goes_on(base, tmp_path):
    config = config_for(base, tmp_path, training__engine="trainer")
    stopped(config, 3)
    checkpoint = last_checkpoint(tmp_path)
    stateful = checkpoint.read_json("training_state.json")["stateful"]
    faults = stateful["faults"] | {
        "training": {"most": 1, "count": 2, "recomputes": False},
        "evaluation": {"most": 1, "count": 3, "recomputes": False},
    }
    checkpoint = rewritten(checkpoint, "training_state.json", stateful=stateful | {"faults": faults})
    trainer = trainer_for(config, checkpoint)
    trainer.train()
    assert trainer.trainer.faults() == {
        "bad_steps": 0,
        "rollbacks": 0,
        "out_of_memory_in_training": {"count": 2, "examples_at_a_time": 1},
        "out_of_memory_in_evaluation": {"count": 3, "examples_at_a_time": 1},
    }
