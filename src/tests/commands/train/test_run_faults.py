"""`yoyak train` and what goes wrong around it."""

import json
import logging
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from src.commands.train.folder import started_run
from src.commands.train.request import TrainRequest
from src.config.loader import load_config
from src.ranks.failure import Failure
from src.ranks.group import Member, take_part
from src.ranks.place import RankPlace
from src.ranks.watch import Watch
from src.runs.lock import lock_path
from src.runs.log_file import LogFile
from src.runs.record import RunFile, read_record
from src.runs.schema import RunRecord
from src.tests.lock_holder import holder
from src.tests.small_disk import SmallDisk, small_disk

__all__ = ["small_disk"]  # the fixture
TRAIN = ("train", "--experiment", "tiny.yaml")


def run_json(folder: Path, name: str = "tiny_qlora"):
    return json.loads((folder / "outputs" / name / "run.json").read_text(encoding="utf-8"))


def test_a_read_only_folder_is_one_line_before_anything_is_loaded(yoyak, tiny, small_disk: SmallDisk):
    small_disk.make_read_only()
    result = yoyak(*TRAIN, f"experiment.output_dir={small_disk.folder}/outputs")
    assert result.code == 2
    assert result.err == (
        f"yoyak: {small_disk.folder}/outputs: can't be written (Read-only file system); set experiment.output_dir\n"
    )


def test_a_second_process_is_refused(yoyak, tiny):
    folder = tiny / "outputs" / "tiny_qlora"
    with holder(folder) as process:
        result = yoyak(*TRAIN, "--overwrite")
        assert result.code == 2
        assert f"outputs/tiny_qlora: another run is writing there (process {process.pid} on " in result.err
        assert len(result.err.splitlines()) == 1
        assert not folder.exists()


def test_what_ends_the_process_later_leaves_the_record_of_a_run_that_has_ended(tiny):
    """One of several, which trains folds, may have to be left in the midst of waiting after a run."""
    place = RankPlace(0, 1, 0, "torchrun", "127.0.0.1", 0)
    watch = Watch(place, None, 60, lambda: None)
    take_part(Member(place, watch))
    try:
        with started_run(load_config("tiny.yaml"), TrainRequest("tiny.yaml")):
            pass
        watch.last_words(Failure(1, 2, "was killed"))
    finally:
        take_part(None)
    assert run_json(tiny)["status"] == "completed"


def test_a_lock_that_a_killed_run_has_left_is_no_obstacle(yoyak, tiny):
    lock = lock_path(tiny / "outputs" / "tiny_qlora")
    lock.parent.mkdir()
    lock.write_text(json.dumps({"pid": os.getpid(), "host": os.uname().nodename, "since": "2026-01-01T00:00:00+00:00"}))
    assert yoyak(*TRAIN, "training.max_steps=1").code == 0
    assert not lock.exists()


@pytest.mark.long
def test_data_that_change_during_a_run_do_not_change_it(yoyak, tiny):
    """The file is written anew once training has begun; the weights are those of the undisturbed run."""
    steps = ("training.max_steps=30", "training.epochs=20")
    assert yoyak(*TRAIN, *steps, "experiment.name=still").code == 0

    def change() -> None:
        metrics = tiny / "outputs" / "moved" / "metrics.jsonl"
        while not (metrics.is_file() and metrics.stat().st_size):
            time.sleep(0.01)
        (tiny / "train.csv").write_text("fname,dialogue,summary\nd0,A: Other.,Other.\n", encoding="utf-8")

    changing = threading.Thread(target=change)
    changing.start()
    result = yoyak(*TRAIN, *steps, "experiment.name=moved")
    changing.join()
    assert result.code == 0
    assert "train.csv: changed during the run, which used what it held at the start" in result.out
    records = [run_json(tiny, name)["data"]["train"] for name in ("still", "moved")]
    assert "changed_during_run" not in records[0]
    assert records[1]["changed_during_run"]
    assert records[0]["sha256"] == records[1]["sha256"]
    adapters = [
        (tiny / "outputs" / name / "final_model" / "adapter_model.safetensors").read_bytes()
        for name in ("still", "moved")
    ]
    assert adapters[0] == adapters[1]


def test_a_run_that_was_stopped_says_why_and_where_its_state_is(yoyak, tiny):
    weights = load_file(tiny / "base" / "model.safetensors")
    weights["model.norm.weight"][:] = 3e38  # numbers, whose products are none
    save_file(weights, tiny / "base" / "model.safetensors", metadata={"format": "pt"})
    result = yoyak(*TRAIN, "training.max_bad_steps=1", "training.epochs=3")
    assert result.code == 2
    assert "training was stopped (state after step 1: outputs/tiny_qlora/checkpoints/checkpoint-1)" in result.err
    record = run_json(tiny)
    assert (record["status"], record["error"]) == ("failed", result.err.removeprefix("yoyak: ").rstrip("\n"))
    assert record["faults"] == {"bad_steps": 1, "rollbacks": 0}
    line = json.loads((tiny / "outputs" / "tiny_qlora" / "bad_steps.jsonl").read_text())
    assert set(line["examples"]) < {"d0", "d1", "d2", "d3"}
    assert len(line["examples"]) == 2


def test_a_record_that_does_not_fit_leaves_the_last_one_whole(small_disk: SmallDisk):
    file = RunFile(small_disk.folder)
    file.update(RunRecord(status="running"))
    small_disk.fill()
    with pytest.raises(OSError, match="No space left"):
        file.update(RunRecord(status="failed", error="x" * 100_000))
    assert read_record(small_disk.folder) == RunRecord(status="running")
    assert sorted(path.name for path in small_disk.folder.iterdir()) == ["filler", "run.json"]


def test_a_log_survives_a_removed_folder_and_a_full_disk(small_disk: SmallDisk, capsys: pytest.CaptureFixture[str]):
    folder = small_disk.folder / "run"
    log = LogFile(folder / "train.log")
    logger = logging.Logger("test")
    logger.addHandler(log)
    logger.error("before")
    shutil.rmtree(folder)
    logger.error("after")
    assert (folder / "train.log").read_text() == "after\n"
    small_disk.fill()
    logger.error("x" * 100_000)
    log.close()
    assert capsys.readouterr().err == ""
