"""`yoyak refine` on two processes: it refines as one does, and goes on to the same bytes where one is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from src.tests.training.several.test_runs import LONGEST, ROOT, ended, place, run_of, started
from src.tests.waiting import wait_until

__all__ = ["place"]  # a fixture
SETTINGS = (
    "refine.steps=6", "refine.dialogues=3", "refine.samples=2", "refine.eval_steps=2", "refine.patience=null",
    "refine.imitation=1", "refine.learning_rate=0.003", "refine.warmup_steps=0",
)  # fmt: skip
TWO = ("--processes", "2")
ADAPTER = "final_model/adapter_model.safetensors"


def refining(place, name, *arguments):
    command = [sys.executable, "-m", "src.cli", "refine", "trained", f"experiment.name={name}", *SETTINGS, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=place, env=environment, **pipes)


def curves(place, name):
    """Return what the run did at each step, without what the machine did."""
    lines = (place / "outputs" / name / "metrics.jsonl").read_text().splitlines()
    of_machine = ("seconds", "resident_bytes", "busy_percent")
    return [
        {key: value for key, value in json.loads(line).items() if not any(word in key for word in of_machine)}
        for line in lines
    ]


@pytest.fixture(scope="module")
def whole(place):
    code, _, err = ended(started(place, "trained", "training.max_steps=4"))
    assert (code, err) == (0, "")
    code, out, err = ended(refining(place, "whole", *TWO))
    assert (code, err) == (0, ""), err
    return out


@pytest.mark.slow
def test_two_processes_refine_as_one_does_and_say_all_once(place, whole):
    code, _, err = ended(refining(place, "alone"))
    assert (code, err) == (0, "")
    one, two = curves(place, "alone"), curves(place, "whole")
    assert len(one) == len(two) == 10
    for expected, found in zip(one, two, strict=True):
        assert found == pytest.approx(expected, rel=1e-3)
    record = run_of(place, "whole")
    assert record["resolved"]["processes"] == 2
    assert record["refine"]["best"]["step"] == run_of(place, "alone")["refine"]["best"]["step"]
    assert record["scores"]["fine_tuned"] == run_of(place, "alone")["scores"]["fine_tuned"]
    assert whole.count("Step 6 of 6: ") == 1
    assert whole.count("Report:") == 1


@pytest.mark.slow
def test_a_killed_rank_ends_all_and_the_refining_goes_on_to_the_same_bytes(place, whole):
    process = refining(place, "killed", *TWO)
    metrics = place / "outputs" / "killed" / "metrics.jsonl"
    wait_until(process, lambda: metrics.exists() and '"step": 3' in metrics.read_text())
    children = sorted(psutil.Process(process.pid).children(), key=lambda child: child.create_time())
    children[1].send_signal(signal.SIGKILL)
    began = time.monotonic()
    code, _, err = ended(process)
    assert time.monotonic() - began < LONGEST
    why = "was killed (SIGKILL), by someone or since the machine's memory was full"
    assert (code, err) == (1, f"yoyak: rank 1 of 2: {why}\n")
    code, _, err = ended(refining(place, "killed", *TWO, "--resume"))
    assert (code, err) == (0, "")
    assert (place / "outputs/killed" / ADAPTER).read_bytes() == (place / "outputs/whole" / ADAPTER).read_bytes()
    assert curves(place, "killed") == curves(place, "whole")
