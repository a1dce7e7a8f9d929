"""Kill a random rank of a run of two processes at random moments, go on, and compare its end with an unkilled run's.

    python benchmarks/rank_kills.py [--kills 10] [--processes 2] [--seed N] [--out FILE]

On the CPU, or with `--gpus` one process on each card, deterministic kernels on. The model is a random Llama with QLoRA,
dropout and instruction augmentation, and checkpoints every 3 steps. After each SIGKILL, between 1 second and
the run's usual end, all processes must have ended within 30 seconds; then the run goes on. Prints one JSON line; ends
with 1 where `final_model/adapter_model.safetensors` differs in a bit.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import psutil
from kill_inputs import write_inputs
from result_line import measured_at, print_line

ADAPTER = "final_model/adapter_model.safetensors"


class Runs:
    """Runs of several processes in one folder."""

    def __init__(self, folder: Path, processes: int, on_gpus: bool) -> None:
        """Keep where and how."""
        self.folder, self.processes, self.on_gpus = folder, processes, on_gpus

    def start(self, name: str, *more: str) -> "subprocess.Popen[bytes]":
        """Start a run, or go on with one."""
        several = ["--gpus" if self.on_gpus else "--processes", str(self.processes)]
        command = [sys.executable, "-m", "src.cli", "train", "-e", "soak.yaml", f"experiment.name={name}"]
        command += [*several, "training.deterministic=true", *more]
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": paths}
        output = (self.folder / "output.txt").open("ab")
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=output, stderr=output)

    def digest(self, name: str) -> str:
        """Return the hash of a run's adapter."""
        return hashlib.sha256((self.folder / "outputs" / name / ADAPTER).read_bytes()).hexdigest()


def kill_once(runs: Runs, name: str, after: float, chosen: random.Random) -> dict[str, Any] | None:
    """Start or go on, kill a random rank so many seconds later; return what was seen, None where it had ended."""
    process = runs.start(name, "--resume")
    end = time.monotonic() + after
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    ranks: list[psutil.Process] = []
    if process.poll() is None:
        ranks = sorted(psutil.Process(process.pid).children(), key=lambda child: child.create_time())
    if len(ranks) < runs.processes:
        process.wait()
        return None
    rank = chosen.randrange(runs.processes)
    ranks[rank].send_signal(signal.SIGKILL)
    began = time.monotonic()
    code = process.wait(timeout=60)
    alive = [child for child in ranks if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    ended = round(time.monotonic() - began, 1)
    return {"rank": rank, "after_s": round(after, 1), "code": code, "ended_s": ended, "left": len(alive)}


def main() -> int:
    """Run, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--gpus", action="store_true", help="a process on each of so many GPUs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    chosen = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder, 6, "packed", given.gpus)
        runs = Runs(folder, given.processes, given.gpus)
        began = time.monotonic()
        if code := runs.start("whole").wait():
            print((folder / "output.txt").read_text(errors="replace")[-3000:], file=sys.stderr)
            return code
        usual = time.monotonic() - began
        kills: list[dict[str, Any]] = []
        digests, number = [], 0
        while len(kills) < given.kills:
            run = f"run{number}"
            for _ in range(2):  # twice in a run, where it lasts
                found = kill_once(runs, run, chosen.uniform(1, usual), chosen)
                kills += [found] if found else []
            code = runs.start(run, "--resume").wait()
            digests.append(runs.digest(run) if code == 0 else f"exit code {code}")
            number += 1
        same = sum(digest == runs.digest("whole") for digest in digests)
        line = {"benchmark": "rank_kills", "processes": given.processes, "kills": len(kills), "runs": len(digests)}
        line |= {"same_bytes": same, "slowest_end_s": max(kill["ended_s"] for kill in kills)}
        line |= {"left_processes": sum(kill["left"] for kill in kills), "whole_s": round(usual, 1), "each": kills}
        print_line(line | measured_at(), given.out)
    return 0 if same == len(digests) and not line["left_processes"] and line["slowest_end_s"] <= 30 else 1


if __name__ == "__main__":
    sys.exit(main())
