"""What happens around a run while it trains, done for real: disk, folder, clock."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import TrainerCallback

from src.errors import YoyakError
from src.tests.small_disk import SmallDisk, small_disk
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.llm_trainer import LLMTrainer

__all__ = ["small_disk"]  # the fixture
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _log_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)  # a command of another test may have cut it


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("base"))


class AtStep(TrainerCallback):
    """Does something after the checkpoint of a step."""

    def __init__(self, step: int, act: Callable[[], object]) -> None:
        self.step, self.act = step, act

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            self.act()


def trainer_for(checkpoint: str, folder: Path, act: Callable[[], object], **settings: Any) -> LLMTrainer:
    """Return a trainer that evaluates and saves at each of 4 steps, and after the second one something happens."""
    wanted = {"training__max_steps": 4, "training__eval_steps": 1, "training__save_total_limit": 5}
    config = tiny_config(checkpoint, folder, **(wanted | settings))
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    return LLMTrainer(config, model, tokenizer, dataset, dataset, callbacks=[AtStep(2, act)])


def saved_steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints whose weights can be read."""
    names = sorted(path.name for path in (folder / "tiny" / "checkpoints").glob("checkpoint-*"))
    assert all(load_file(folder / "tiny" / "checkpoints" / name / "adapter_model.safetensors") for name in names)
    return [int(name.removeprefix("checkpoint-")) for name in names]


def logged_steps(folder: Path) -> list[int]:
    lines = [json.loads(line) for line in (folder / "tiny" / "metrics.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines if "loss" in line]


def test_a_disk_that_fills_up_loses_nothing_saved(checkpoint: str, small_disk: SmallDisk) -> None:
    trainer = trainer_for(checkpoint, small_disk.folder, small_disk.fill, training__report_to=["tensorboard"])
    with pytest.raises(YoyakError, match=r"small/tiny: the disk is full \(0 MB free\); nothing half-written was kept"):
        trainer.train()
    assert saved_steps(small_disk.folder) == [1, 2]
    assert logged_steps(small_disk.folder)[:2] == [1, 2]
    assert not (small_disk.folder / "tiny" / "final_model").exists()


def test_a_disk_that_becomes_read_only_loses_nothing_saved(checkpoint: str, small_disk: SmallDisk) -> None:
    trainer = trainer_for(checkpoint, small_disk.folder, small_disk.make_read_only)
    with pytest.raises(
        YoyakError, match=r"small/tiny: can't be written any more \(Read-only file system.*\); what was saved before is"
    ):
        trainer.train()
    assert saved_steps(small_disk.folder) == [1, 2]
    assert logged_steps(small_disk.folder) == [1, 2]


def test_a_folder_that_is_removed_is_made_again(
    checkpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was removed is gone, but not what the run has in memory: all metrics, and its weights."""
    trainer = trainer_for(
        checkpoint, tmp_path, lambda: shutil.rmtree(tmp_path / "tiny"), training__report_to=["tensorboard"]
    )
    results = trainer.train()
    assert results["steps"] == 4
    assert load_file(tmp_path / "tiny" / "final_model" / "adapter_model.safetensors")
    assert saved_steps(tmp_path) == [3, 4]
    assert logged_steps(tmp_path) == [1, 2, 3, 4]
    assert any("metrics.jsonl is gone; it is made again" in message for message in caplog.messages)


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
/* The clock of the day, set back by an hour as soon as the file $CLOCK_JUMP is there. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && access(getenv("CLOCK_JUMP"), F_OK) == 0) now->tv_sec -= 3600;
    return result;
}
"""
JUMPING_RUN = """
import json, sys, time
from pathlib import Path
from src.tests.training.test_faults import trainer_for

checkpoint, folder, jump = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
begin = time.time()
results = trainer_for(checkpoint, folder, jump.touch, training__report_to=["tensorboard"]).train()
results["jumped"] = time.time() - begin
print(json.dumps(results))
"""


@pytest.mark.slow
def test_a_clock_that_is_set_back_changes_no_figure(checkpoint: str, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("the clock is set back by a small C library, which needs gcc")
    (tmp_path / "clock.c").write_text(CLOCK)
    library, jump = tmp_path / "clock.so", tmp_path / "jump"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", JUMPING_RUN, checkpoint, tmp_path, jump],
        env={**os.environ, "LD_PRELOAD": str(library), "CLOCK_JUMP": str(jump), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(done.stdout.splitlines()[-1])
    assert results["jumped"] < -3000
    assert 0 < results["train_runtime"] < 600
    assert results["tokens_per_second"] > 0
    assert results["samples_per_second"] == pytest.approx(8 / results["train_runtime"])
    lines = [json.loads(line) for line in (tmp_path / "tiny" / "metrics.jsonl").read_text().splitlines()]
    assert all(line["tokens_per_second"] > 0 for line in lines if "loss" in line)
    assert saved_steps(tmp_path) == [1, 2, 3, 4]
