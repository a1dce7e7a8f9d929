"""Whole runs of two processes on the CPU: their numbers, and what is left where one is killed or told to stop."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from src.tests.commands.conftest import folder, write_csv, yoyak
from src.tests.tiny_models import write_tiny_model
from src.tests.waiting import wait_until

__all__ = ["folder", "yoyak"]  # fixtures
ROOT = Path(__file__).resolve().parents[4]
ADAPTER = "final_model/adapter_model.safetensors"
LONGEST = 30  # seconds in which all have to end
SCORED_ELSEWHERE = "evaluation.generate=false"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a config of 16 steps, some with one example for two processes, and evaluations in between."""
    folder = tmp_path_factory.mktemp("several")
    rows = [("A: Go?" + " On." * index + "\nB: Yes.", "They go" + " on" * (index % 4) + ".") for index in range(13)]
    write_csv(folder / "train.csv", *zip(*rows, strict=True))
    write_csv(folder / "dev.csv", *zip(*rows[:3], strict=True))
    training = {
        "epochs": 4, "batch_size": 2, "gradient_accumulation_steps": 2, "learning_rate": 1e-3, "logging_steps": 1,
        "save_steps": 3, "report_to": [],
    }  # fmt: skip
    config = {
        "model": {"checkpoint": write_tiny_model(folder / "base", num_hidden_layers=3), "dtype": "fp32"},
        "lora": {"r": 4, "dropout": 0.1},
        "tokenizer": {"encoder_max_len": 256, "decoder_max_len": 8},
        "dataset": {"language": "en"},
        "data": {"train": "train.csv", "eval": "dev.csv"},
        "training": training,
        "evaluation": {"generate": True},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config | {"experiment": {"name": "x"}}), encoding="utf-8")
    return folder


def started(place, name, *arguments):
    command = [sys.executable, "-m", "src.cli", "train", "-e", "tiny.yaml", f"experiment.name={name}", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process):
    out, err = process.communicate(timeout=600)  # of a machine that others use too
    return process.returncode, out, err


def trained_here(yoyak, monkeypatch, place, name, *arguments):
    """Train in this process, whose imports are made already; return what is printed."""
    monkeypatch.chdir(place)
    result = yoyak("train", "-e", "tiny.yaml", f"experiment.name={name}", *arguments)
    assert (result.code, result.err) == (0, "")
    return result.out


def run_of(place, name):
    return json.loads((place / "outputs" / name / "run.json").read_text(encoding="utf-8"))


def wait_for_step(process, place, name, step):
    path = place / "outputs" / name / "metrics.jsonl"
    wait_until(process, lambda: path.exists() and path.read_text().count("learning_rate") >= step)


@pytest.fixture(scope="module")
def whole(place):
    """A run of two processes that nothing stopped."""
    code, out, err = ended(started(place, "whole", "--processes", "2"))
    assert (code, err) == (0, ""), err
    return place / "outputs" / "whole", out


@pytest.mark.long
def test_two_processes_train_as_one_does_and_say_all_once(yoyak, monkeypatch, place, whole):
    trained_here(yoyak, monkeypatch, place, "alone")
    alone, several = run_of(place, "alone"), run_of(place, "whole")
    assert several["resolved"]["processes"] == 2
    assert "processes" not in alone["resolved"]
    for name in ("loss", "eval_loss"):
        assert several["train"][name] == pytest.approx(alone["train"][name], rel=1e-6)
    assert several["train"]["steps"] == alone["train"]["steps"] == 16
    assert several["scores"]["zero_shot"] == alone["scores"]["zero_shot"]
    lines = [(place / "outputs" / name / "metrics.jsonl").read_text().splitlines() for name in ("alone", "whole")]
    assert len(lines[0]) == len(lines[1]) == 20
    first = json.loads(lines[1][0])
    assert min(first["resident_bytes"], first["resident_bytes_rank1"]) > 50e6  # torch alone takes that
    assert "resident_bytes_rank1" not in lines[0][0]
    out = whole[1].splitlines()
    assert sum(line.startswith("step 16/16 ") for line in out) == 1
    assert sum(line.startswith("Report: ") for line in out) == 1


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_ends_all_and_the_run_goes_on_to_the_same_bytes(place, whole, rank):
    name = f"killed{rank}"
    process = started(place, name, "--processes", "2")
    wait_for_step(process, place, name, random.Random(rank).randrange(3, 12))
    children = sorted(psutil.Process(process.pid).children(), key=lambda child: child.create_time())
    children[rank].send_signal(signal.SIGKILL)
    began = time.monotonic()
    code, _, err = ended(process)
    assert time.monotonic() - began < LONGEST
    assert code == 1
    why = "was killed (SIGKILL), by someone or since the machine's memory was full"
    assert err == f"yoyak: rank {rank} of 2: {why}\n"
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    if rank:  # where rank 0 is killed, nobody is left who may write
        assert run_of(place, name)["status"] == "failed"
    code, out, err = ended(started(place, name, "--processes", "2", "--resume"))
    assert (code, err) == (0, "")
    assert "Going on from " in out
    assert (place / "outputs" / name / ADAPTER).read_bytes() == (whole[0] / ADAPTER).read_bytes()


@pytest.mark.long
def test_a_told_launcher_saves_once_and_another_number_of_processes_is_named(yoyak, monkeypatch, place, whole):
    process = started(place, "told", "--processes", "2", SCORED_ELSEWHERE)
    wait_for_step(process, place, "told", 4)
    process.send_signal(signal.SIGTERM)
    code, out, err = ended(process)
    assert (code, err) == (143, "")
    stopped = [line for line in out.splitlines() if line.startswith("Stopped after step ")]
    assert len(stopped) == 1
    step = int(stopped[0].split()[3])
    assert (place / "outputs" / "told" / "checkpoints" / f"checkpoint-{step}").is_dir()
    assert run_of(place, "told")["status"] == "interrupted"
    out = trained_here(yoyak, monkeypatch, place, "told", SCORED_ELSEWHERE, "--resume")
    assert "The run goes on with 1 processes, and had 2: its numbers are equal to rounding" in out
    assert run_of(place, "told")["train"]["loss"] == pytest.approx(run_of(place, "whole")["train"]["loss"], rel=1e-6)
