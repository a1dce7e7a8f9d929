"""A refining that is killed goes on to the same bytes, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from src.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[4]
FULL = ("lora.use_lora=false", "lora.use_qlora=false", "model.dtype=fp32", "tokenizer.decoder_max_len=24")
TRAINED = (*FULL, "training.epochs=8", "training.max_steps=6", "training.learning_rate=1e-2")
# The best evaluation is neither the first nor the last: its weights come out of a checkpoint.
SETTINGS = (
    "refine.steps=6", "refine.dialogues=2", "refine.samples=2", "refine.eval_steps=2", "refine.patience=null",
    "refine.imitation=1", "refine.learning_rate=0.003", "refine.warmup_steps=0", "evaluation.generate=true",
)  # fmt: skip
REFINED = Path("outputs", "tiny_full_refined")


def weights(run: Path) -> bytes:
    return (run / "final_model" / "model.safetensors").read_bytes()


def figures(run: Path) -> list[str]:
    """Return the lines of a run's curves without the time that they took."""
    return [line.partition('"seconds"')[0] for line in (run / "metrics.jsonl").read_text().splitlines()]


def killed_at(awaited: Path, text: str, number: signal.Signals) -> list[psutil.Process]:
    """Refine in another process, send it a signal once a file holds a text; return what processes it had."""
    command = [sys.executable, "-m", "src.cli", "refine", "tiny_full", "--resume", *SETTINGS]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    wait_until(process, lambda: awaited.exists() and text in awaited.read_text())
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    process.wait(60)
    return children


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(yoyak, tiny):
    """In an evaluation's save, after a step, at the end, and stopped before an evaluation that is due."""
    assert yoyak("train", "-e", "tiny.yaml", *TRAINED).code == 0
    assert yoyak("refine", "tiny_full", *SETTINGS, "experiment.name=whole").code == 0
    metrics = tiny / REFINED / "metrics.jsonl"
    for awaited, text, number in (
        (metrics, '"step": 0', signal.SIGKILL),
        (metrics, '"step": 2, "eval_reward"', signal.SIGKILL),
        (metrics, '"step": 3', signal.SIGKILL),
        (metrics, '"step": 4, "reward"', signal.SIGTERM),
        (tiny / REFINED / "train.log", "Refining has ended", signal.SIGKILL),
    ):
        children = killed_at(awaited, text, number)
        _, left = psutil.wait_procs(children, timeout=20)
        assert left == []
        assert not (tiny / REFINED / "report.html").exists()
    best = json.loads((tiny / "outputs" / "whole" / "run.json").read_text())["refine"]["best"]["step"]
    assert best in (2, 4)
    ended = yoyak("refine", "tiny_full", "--resume", *SETTINGS)
    assert (ended.code, ended.err) == (0, "")
    assert weights(tiny / REFINED) == weights(tiny / "outputs" / "whole")
    assert weights(tiny / REFINED) != weights(tiny / "outputs" / "tiny_full")
    assert figures(tiny / REFINED) == figures(tiny / "outputs" / "whole")
    again = yoyak("refine", "tiny_full", "--resume", *SETTINGS)
    assert again.out == f"{REFINED}: is complete, nothing to do\n"
