"""A search that is stopped leaves the best so far, and goes on; two processes share one."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.tests.commands.search.test_search import SEARCH, learning, record_of  # noqa: F401
from src.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[4]


def started(tiny, *overrides):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "src.cli", *SEARCH, *overrides]
    with (tiny / "out.log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_best_so_far(yoyak, learning, number, code):  # noqa: F811
    process = started(learning)
    wait_until(process, lambda: "\nTrial 1: " in (learning / "out.log").read_text())
    process.send_signal(number)
    assert process.wait(300) == code
    folder = learning / "outputs" / "tiny_lora_search"
    record = record_of(folder)
    assert (record["status"], record["chosen"], record["test"]) == ("stopped", 0, None)
    assert (folder / "best" / "final_model" / "adapter_model.safetensors").is_file()
    assert yoyak(*SEARCH).code == 0
    record = record_of(folder)
    assert [trial["state"] for trial in record["trials"]] == ["finished"] * 3
    assert record["test"]["dialogues"] == 2


def test_workers_that_are_stopped_together_write_one_after_another(yoyak, learning, monkeypatch):  # noqa: F811
    """Ctrl-C reaches all of a terminal, and they write the same link, config and record."""
    held = []

    def stop(search):
        raise KeyboardInterrupt

    def write(search, stopped):
        with (search.folder / ".deciding.lock").open() as another, pytest.raises(BlockingIOError):
            fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(stopped)

    monkeypatch.setattr("src.commands.search.loop.run_trials", stop)
    monkeypatch.setattr("src.commands.search.conclude.conclude", write)
    assert yoyak(*SEARCH).code == 130
    assert held == [True]


@pytest.mark.slow
def test_two_processes_share_a_search(learning):  # noqa: F811
    processes = [started(learning, "search.trials=4") for _ in range(2)]
    assert [process.wait(900) for process in processes] == [0, 0]
    record = record_of(learning / "outputs" / "tiny_lora_search")
    assert [trial["number"] for trial in record["trials"]] == [0, 1, 2, 3]
    assert len({json.dumps(trial["settings"]) for trial in record["trials"]}) == 4
    for trial in record["trials"]:  # each step was made once
        run = learning / "outputs" / "tiny_lora_search" / f"trial_{trial['number']:04d}"
        steps = [line["step"] for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())]
        assert steps == sorted(steps)
