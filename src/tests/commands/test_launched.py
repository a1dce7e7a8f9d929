"""Runs under what launchers put into the environment, in processes of their own."""

import os
import subprocess
import sys

import pytest

from src.tests.commands.train.test_train import ROOT, run_json

TWO = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}
REFUSED = "yoyak: this is process 0 of 2 (torchrun, accelerate launch), and each would do all of the work: "


def train(folder, *before, environment=(), timeout=300):
    command = [*before, str(ROOT / "scripts" / "train_llm.py"), "-e", "tiny.yaml", "training.max_steps=1"]
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment)
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=timeout)


def test_two_processes_left_in_the_environment_end_at_once(tiny):
    done = train(tiny, sys.executable, environment=TWO)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(REFUSED)
    assert len(done.stderr.splitlines()) == 1
    assert not (tiny / "outputs").exists()
    assert not (tiny / "logs").exists()


@pytest.mark.long
def test_two_processes_of_torchrun_train_one_run(tiny):
    done = train(tiny, sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nReport:  outputs/tiny_qlora/report.html\n") == 1
    assert "Left out of the environment" not in done.stdout
    assert run_json(tiny)["resolved"]["processes"] == 2


@pytest.mark.slow  # 40 s of waiting
def test_what_torchrun_has_left_does_not_hang_a_run(tiny):
    """Its variables name a store, which is gone."""
    left = TWO | {"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    done = train(tiny, sys.executable, environment=left)
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("yoyak: ")]
    assert said.startswith("yoyak: this is process 0 of 2 (torchrun), and the others are not at 127.0.0.1:29511 (")
    assert said.endswith("); start all, or `unset` what a launcher has left in the environment")
    assert not (tiny / "outputs").exists()


@pytest.mark.slow
def test_one_process_of_torchrun_trains(tiny):
    done = train(tiny, sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "1")
    assert done.returncode == 0, done.stderr
    assert "\nLeft out of the environment, since a run is one process as configured: LOCAL_RANK, " in done.stdout
    assert run_json(tiny)["status"] == "completed"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "-e", "tiny.yaml"),
        ("train", "-e", "tiny.yaml", "--resume"),
        ("train", "-e", "tiny.yaml", "--folds", "2"),
        ("quickstart",),
    ],
    ids=" ".join,
)
def test_every_command_that_trains_refuses_two_processes(yoyak, tiny, monkeypatch, arguments):
    for name, value in TWO.items():
        monkeypatch.setenv(name, value)
    result = yoyak(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(REFUSED)
    assert not (tiny / "outputs").exists()


def test_a_run_says_what_it_left_out_and_ends_as_without(yoyak, tiny, monkeypatch):
    arguments = ("train", "-e", "tiny.yaml", "training.engine=trainer", "model.dtype=fp32", "training.max_steps=1")
    assert yoyak(*arguments).code == 0
    usual = run_json(tiny)["train"]["eval_loss"]
    left = {"ACCELERATE_MIXED_PRECISION": "bf16", "ACCELERATE_USE_DEEPSPEED": "true", "LOCAL_RANK": "0"}
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    result = yoyak(*arguments, "--overwrite")
    assert result.code == 0
    said = f"Left out of the environment, since a run is one process as configured: {', '.join(left)}"
    assert said in result.out.splitlines()
    assert said in (tiny / "outputs" / "tiny_qlora" / "train.log").read_text(encoding="utf-8")
    assert run_json(tiny)["train"]["eval_loss"] == usual
