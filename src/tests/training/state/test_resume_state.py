"""What a checkpoint keeps beside weights, when it is written, and that none of it is a pickle."""

import pickletools
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from src.errors import YoyakError
from src.tests.training.stopped_runs import EPOCH, SignalAt, config_for, end_of, last_checkpoint, stopped, trainer_for
from src.training.guards.interrupts import TrainingInterrupted
from src.training.state.checkpointed_trainer import EarlyStopping
from src.training.state.checkpoints import find_checkpoint, read_checkpoint, saved_steps


class Counter(TrainerCallback):
    """A callback of another room whose state goes with the checkpoints."""

    def __init__(self):
        self.steps = []

    def on_step_end(self, args, state, control, **_):
        self.steps.append(state.global_step)

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


def test_callbacks_keep_their_state(base, tmp_path):
    config = config_for(base, tmp_path)
    with pytest.raises(TrainingInterrupted):
        trainer_for(config, callbacks=[Counter(), SignalAt(3)]).train()
    again = Counter()
    trainer_for(config, last_checkpoint(tmp_path), callbacks=[again]).train()
    assert again.steps == list(range(1, 3 * EPOCH + 1))


def test_early_stopping_counts_on():
    """Two evaluations without a better one before the stop: the next one is the third."""
    before, after = EarlyStopping(3), EarlyStopping(3)
    before.early_stopping_patience_counter = 2
    after.load_state_dict(before.state_dict())
    assert after.early_stopping_patience_counter == 2


def test_recovery_checkpoints_come_without_evaluations_and_change_nothing(base, tmp_path, whole):
    config = config_for(base, tmp_path, training__save_steps=2, training__save_total_limit=50)
    trainer_for(config).train()
    assert end_of(tmp_path) == whole["packed"][0]
    # Every second step, but at the ends of epochs those of the evaluations.
    assert saved_steps(tmp_path / "tiny" / "checkpoints") == [2, 4, 5, 6, 8, 10, 12, 14, 15]


def test_recovery_checkpoints_by_the_clock(base, tmp_path):
    """Each saving may take 2% of the time, so hardly any comes although one is due at once."""
    config = config_for(base, tmp_path, training__save_minutes=1e-9, training__save_total_limit=50)
    trainer = trainer_for(config, with_eval=False)
    trainer.train()
    assert saved_steps(tmp_path / "tiny" / "checkpoints") == [1, EPOCH, 2 * EPOCH, 3 * EPOCH]
    assert trainer.trainer.saving_seconds > trainer.trainer.last_save_seconds > 0


def is_pickle(content):
    if content.startswith((b"PK\x03\x04", b"\x80")):
        return True
    try:
        return list(pickletools.genops(content)) != []
    except ValueError:  # an unknown code, or an argument that is cut off
        return False


def test_a_run_writes_no_pickle(base, tmp_path):
    assert is_pickle(b"\x80\x04N.")
    assert is_pickle(b"I1\n.")
    settings = {"training__save_steps": 2, "training__report_to": ["tensorboard"]}
    trainer_for(config_for(base, tmp_path, **settings)).train()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {".json", ".safetensors", ".jsonl", ".yaml"} <= {path.suffix for path in files}
    assert [path for path in files if is_pickle(path.read_bytes())] == []
    checkpoints = tmp_path / "tiny" / "checkpoints"
    assert [read_checkpoint(checkpoints / f"checkpoint-{step}").step for step in saved_steps(checkpoints)] == [14, 15]


def test_a_stock_checkpoint_is_refused(base, tmp_path):
    config = config_for(base, tmp_path)
    stopped(config, 3)
    folder = Path(last_checkpoint(tmp_path).folder)
    torch.save({"state": {}}, folder / "optimizer.pt")
    with pytest.raises(YoyakError, match=r"checkpoint-3: optimizer\.pt is a pickle"):
        find_checkpoint(tmp_path / "tiny" / "checkpoints")
    with pytest.raises(YoyakError, match=r"checkpoint-3: optimizer\.pt is a pickle"):
        trainer_for(config).trainer.train(resume_from_checkpoint=str(folder))
