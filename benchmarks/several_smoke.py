"""Check within minutes that yoyak's commands work over several GPUs, on a tiny random model; a line a check.

    python benchmarks/several_smoke.py [--ranks 2] [--only train kill] [--at-once 2] [--limit 240] [--folder FOLDER]

On so many GPUs, or processes of the CPU where there is no GPU. Each check is commands in processes of their own, which
are ended after `--limit` seconds; output is kept in FOLDER. Losses are compared with one GPU's. Exit code 1 where a
check has failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import psutil
import torch

ADAPTER = "final_model/adapter_model.safetensors"
ON_GPU = torch.cuda.device_count() > 0
LOGGED = ("training.logging_steps=1", "evaluation.generate=false")
STEPS = (*LOGGED, "training.max_steps=6", "training.deterministic=false")
CUT = ("training.sharding=weights", *STEPS)
FULL = ("lora.use_lora=false", "lora.use_qlora=false", "training.optim=adamw_torch", "training.learning_rate=1e-4")
LONG_STEPS, KILLED_AFTER = (200, 30) if ON_GPU else (18, 5)  # steps; those of a GPU take some milliseconds
LONG = (*LOGGED, f"training.max_steps={LONG_STEPS}", "training.deterministic=true")
REFINE = ("refine.steps=2", "refine.dialogues=4", "refine.samples=2", "refine.eval_steps=2", "refine.patience=null")
ENDED_SECONDS = 30


class FailedCheckError(Exception):
    """A check has failed, and why."""


class Commands:
    """Commands in one folder, each with a limit of time."""

    def __init__(self, folder: Path, ranks: int, limit: float) -> None:
        """Keep where, on how many GPUs and how long."""
        self.folder, self.limit = folder, limit
        self.several = ("--gpus" if ON_GPU else "--processes", str(ranks))
        self.alone = ("--gpus", "1") if ON_GPU else ()

    def start(self, log: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start one, whose output goes to a file."""
        command = [sys.executable, "-m", "src.cli", arguments[0], *arguments[1:], "--debug-errors"]
        output = (self.folder / f"{log}.txt").open("ab")
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": paths}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=output, stderr=output)

    def wait(self, process: "subprocess.Popen[bytes]", log: str, seconds: float | None = None) -> int:
        """Return a command's exit code; end it and its ranks where it takes too long."""
        try:
            return process.wait(seconds or self.limit)
        except subprocess.TimeoutExpired:
            for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                one.kill()
            process.wait()
            raise FailedCheckError(f"{log}: not done after {seconds or self.limit:.0f} s {self.end_of(log)}") from None

    def run(self, log: str, *arguments: str) -> None:
        """Run one to its end, in order."""
        if code := self.wait(self.start(log, *arguments), log):
            raise FailedCheckError(f"{log}: exit code {code} {self.end_of(log)}")

    def train(self, name: str, how: tuple[str, ...], *more: str) -> None:
        """Train a run."""
        self.run(name, "train", "-e", "soak.yaml", f"experiment.name={name}", *how, *more)

    def end_of(self, log: str) -> str:
        """Return the end of what one has said."""
        return " | ".join((self.folder / f"{log}.txt").read_text(errors="replace").splitlines()[-6:])[-700:]

    def lines(self, name: str) -> list[dict[str, float]]:
        """Return a run's metrics."""
        path = self.folder / "outputs" / name / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def compared(self, name: str, with_name: str, most: float = 0.02) -> str:
        """Return how far a run's losses are from another's; too far is a failure."""
        losses = [[line["loss"] for line in self.lines(run) if "loss" in line] for run in (name, with_name)]
        if len(losses[0]) != len(losses[1]) or not losses[0]:
            raise FailedCheckError(f"{name}: {len(losses[0])} losses, and {len(losses[1])} of one process")
        apart = max(abs(a / b - 1) for a, b in zip(*losses, strict=True))
        if not apart <= most:
            raise FailedCheckError(f"losses {apart:.1e} apart (relative): {losses[0]} and {losses[1]}")
        return f"losses {apart:.1e} apart (relative), {len(losses[0])} steps, last {losses[0][-1]:.4f}"


def train(commands: Commands) -> str:
    """QLoRA in the packed engine."""
    commands.train("several", commands.several, *STEPS)
    return commands.compared("several", "one")


def cut(commands: Commands) -> str:
    """QLoRA with 4-bit weights cut over the ranks."""
    commands.train("cut", commands.several, *CUT)
    return commands.compared("cut", "one")


def full(commands: Commands) -> str:
    """All weights train, cut by FSDP2."""
    commands.train("full", commands.several, *CUT, *FULL)
    return commands.compared("full", "one_full")


def kill(commands: Commands) -> str:
    """Kill the last rank, go on: the same bytes as a run that nobody killed."""
    commands.train("whole", commands.several, *LONG)
    arguments = ("train", "-e", "soak.yaml", "experiment.name=killed", *LONG, *commands.several)
    process, end = commands.start("killed", *arguments), time.monotonic() + commands.limit
    while len(commands.lines("killed")) < KILLED_AFTER:
        if process.poll() is not None or time.monotonic() > end:
            commands.wait(process, "killed", 1)
            raise FailedCheckError(f"killed: ended before it was killed {commands.end_of('killed')}")
        time.sleep(0.01)
    ranks = sorted(psutil.Process(process.pid).children(), key=lambda child: child.create_time())
    ranks[-1].kill()
    began = time.monotonic()
    code, ended = commands.wait(process, "killed", 2 * ENDED_SECONDS), time.monotonic() - began
    left = sum(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in ranks)
    said = (commands.folder / "killed.txt").read_text(errors="replace")
    if code != 1 or ended > ENDED_SECONDS or left or f"rank {len(ranks) - 1} of {len(ranks)}: was killed" not in said:
        why = f"exit code {code} after {ended:.0f} s, {left} processes left"
        raise FailedCheckError(f"{why} {commands.end_of('killed')}")
    commands.run("resumed", *arguments, "--resume")
    whole, resumed = ((commands.folder / "outputs" / name / ADAPTER).read_bytes() for name in ("whole", "killed"))
    if whole != resumed:
        losses = [[line["loss"] for line in commands.lines(name) if "loss" in line] for name in ("whole", "killed")]
        raise FailedCheckError(f"other bytes after going on; losses {losses}")
    return f"ended {ended:.0f} s after the kill, then went on to the same bytes"


def evaluate(commands: Commands) -> str:
    """Summaries dealt out to the ranks are those of one process."""
    how = ("evaluate", "--adapter", "outputs/one/final_model", "data.eval=dev.csv", "model.dtype=fp32")
    commands.run("evaluate_one", *how, "--out", "one.jsonl", *commands.alone)
    commands.run("evaluate", *how, "--out", "several.jsonl", *commands.several)
    texts = [(commands.folder / f"{name}.jsonl").read_text().splitlines() for name in ("one", "several")]
    other = sum(a != b for a, b in zip(*texts, strict=True))
    if other:
        raise FailedCheckError(f"{other} of {len(texts[0])} summaries differ from one process's")
    return f"{len(texts[0])} summaries, the same as one process's"


def refine(commands: Commands) -> str:
    """Two steps of refining."""
    commands.run("refine", "refine", "outputs/one", "experiment.name=refined", *REFINE, *commands.several)
    commands.run("refine_one", "refine", "outputs/one", "experiment.name=refined_one", *REFINE, *commands.alone)
    found = [[line["reward"] for line in commands.lines(n) if "reward" in line] for n in ("refined", "refined_one")]
    if not found[0] or len(found[0]) != len(found[1]):
        raise FailedCheckError(f"rewards {found[0]}, and {found[1]} of one process")
    return f"rewards {found[0]}, and {found[1]} of one process"


CHECKS: dict[str, Callable[[Commands], str]] = {
    "train": train, "cut": cut, "full": full, "kill": kill, "evaluate": evaluate, "refine": refine,
}  # fmt: skip


def said(name: str, check: Callable[[Commands], str], commands: Commands) -> bool:
    """Make a check and print its line; return whether it was passed."""
    began, passed, why = time.monotonic(), True, ""
    try:
        why = check(commands)
    except Exception as error:  # one check's fault must not hide the others
        passed, why = False, f"{type(error).__name__}: {error}"
    print(f"{name:9}{'ok' if passed else 'FAILED':7}{time.monotonic() - began:5.0f} s  {why}", flush=True)
    return passed


def base(commands: Commands) -> str:
    """What one process does, with which the others are compared."""
    commands.train("one", commands.alone, *STEPS)
    commands.train("one_full", commands.alone, *STEPS, *FULL, "training.engine=trainer")
    return "one process's QLoRA and full fine-tuning"


def main() -> int:
    """Check, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS))
    parser.add_argument("--at-once", type=int, default=2 if ON_GPU else 1, help="checks")
    parser.add_argument("--limit", type=float, default=240, help="seconds of a command")
    parser.add_argument("--folder", type=Path, help="where runs and output are kept")
    given = parser.parse_args()
    from kill_inputs import write_inputs

    with tempfile.TemporaryDirectory() as name:
        folder = (given.folder or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        write_inputs(folder, 6, "auto", ON_GPU)
        commands = Commands(folder, given.ranks, given.limit)
        passed = [said("base", base, commands)]
        with ThreadPoolExecutor(given.at_once) as pool:
            passed += pool.map(lambda one: said(one, CHECKS[one], commands), given.only)
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
