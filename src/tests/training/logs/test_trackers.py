"""Trackers that hang, can't be reached or fail: the training neither waits nor ends."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from src.errors import YoyakError
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.llm_trainer import LLMTrainer
from src.training.logs import trackers as module
from src.training.logs.trackers import TensorBoardScalars, WandbTracker


@pytest.fixture(autouse=True)
def _log_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)  # a command of another test may have cut it


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Yield the address of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that nobody has, and a process that leaves soon."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("YOYAK_WANDB_LAST_SECONDS", "1")
    monkeypatch.setattr(module, "_LAST_SECONDS", 1.0)


def logged(tracker: Any, count: int) -> None:
    for step in range(1, count + 1):
        tracker.on_log(None, TrainerState(global_step=step), TrainerControl(), logs={"loss": 1.0 / step})


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("where", ["hangs", "unreachable"])
def test_training_does_not_wait_for_wandb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent_server: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", silent_server if where == "hangs" else "http://127.0.0.1:9")
    config = tiny_config(
        write_tiny_model(tmp_path / "base"), tmp_path, training__report_to=["wandb"], training__max_steps=4
    )
    model, tokenizer = load_tiny(config)
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
    tracker = next(c for c in trainer.trainer.callback_handler.callbacks if isinstance(c, WandbTracker))
    begin = time.perf_counter()
    results = trainer.train()
    seconds = time.perf_counter() - begin
    assert tracker.process is not None
    tracker.process.kill()
    tracker.process.wait()
    assert results["steps"] == 4
    assert (tmp_path / "tiny" / "final_model" / "adapter_model.safetensors").is_file()
    assert seconds < 20
    assert any("wandb has not taken everything (0 lines dropped)" in message for message in caplog.messages)


@pytest.mark.usefixtures("online")
def test_a_full_queue_drops_lines_and_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", silent_server)
    tracker = WandbTracker(tiny_config("nowhere"), tmp_path / "wandb.log")
    tracker.on_train_begin()
    begin = time.perf_counter()
    logged(tracker, 20_000)
    tracker.on_train_end()
    assert tracker.process is not None
    tracker.process.kill()
    tracker.process.wait()
    assert time.perf_counter() - begin < 15
    (message,) = [message for message in caplog.messages if "wandb has not taken everything" in message]
    assert int(message.split("(")[1].split(" ")[0]) > 1000


def test_a_process_that_is_killed_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracker = WandbTracker(tiny_config("nowhere"), tmp_path / "wandb.log")
    tracker.on_train_begin()
    assert tracker.process is not None
    tracker.process.kill()
    tracker.process.wait()
    logged(tracker, 3)
    tracker.on_train_end()
    assert any("wandb has not taken everything" in message for message in caplog.messages)


def test_wandb_that_is_not_installed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    config = tiny_config("nowhere", training__report_to=["wandb"])
    with pytest.raises(YoyakError, match=r"wandb is not installed; pip install 'yoyak\[wandb\]', or leave it out"):
        module.trackers(config, tmp_path)


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracker = TensorBoardScalars(tmp_path)
    logged(tracker, 3)
    tracker.on_log(None, TrainerState(global_step=3), TrainerControl(), logs={"eval_loss": 0.25, "note": "words"})
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    assert read.Tags()["scalars"] == ["train/loss", "eval/loss"]
    assert [(event.step, event.value) for event in read.Scalars("train/loss")] == [
        (1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))
    ]  # fmt: skip
    assert [(event.step, event.value) for event in read.Scalars("eval/loss")] == [(3, 0.25)]


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # what earlier tests left may close in between
    logged(TensorBoardScalars(tmp_path), 3)
    assert set(os.listdir("/proc/self/fd")) <= before


def test_the_process_is_a_program_of_its_own(tmp_path: Path) -> None:
    """Nothing of ours is imported there: it runs from any folder, under either name of the package."""
    program = Path(module.__file__).with_name("wandb_process.py")
    done = subprocess.run(
        [sys.executable, "-P", program], input="", cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
