"""Refine quickstart's model on the processor, once through and once killed on the way. One JSON line.

    python benchmarks/refine_cpu.py [--folder DIR] [--out FILE]

64 sample dialogues, 20 steps of 8 dialogues x 4 summaries. Tells the minutes of the command and of its processors'
work, what the reward of the evaluation dialogues and of what is drawn became, and whether a run that was killed after
step 13 (its last checkpoint is of step 10) went on to the same bytes. Ends with 1 where it took over 15 minutes, the
reward did not rise or a byte differs; on a machine with other work (`load`) the minutes say little. `--folder` keeps
the runs, and uses a quickstart that it holds already.
"""

import argparse
import hashlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from result_line import measured_at, print_line

MINUTES = 15
KILLED_AFTER = 13
SETTINGS = (
    "data.max_train_examples=64",
    "refine.steps=20",
    "refine.dialogues=8",
    "refine.samples=4",
    "refine.eval_steps=10",
    "refine.patience=null",
)


def main() -> int:
    """Train where need be, refine twice, print the line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the runs stay; by default nowhere")
    parser.add_argument("--out", type=Path, help="file that the line is added to")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refine_cpu.") as temporary:
        line = refined_twice((given.folder or Path(temporary)).resolve())
    print_line(line | measured_at(), given.out)
    rises = line["eval_reward"][1] > line["eval_reward"][0] and line["drawn_reward"][1] > line["drawn_reward"][0]
    return 0 if line["minutes"] <= MINUTES and rises and line["same_bytes"] else 1


def refined_twice(folder: Path) -> dict[str, Any]:
    """Refine a quickstart once through and once with a kill; return the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = folder / "outputs"
    if not (outputs / "quickstart" / "final_model").is_dir():
        done(folder, "quickstart")
    began, worked = time.monotonic(), processor_seconds()
    done(folder, "refine", "quickstart", "experiment.name=whole", *SETTINGS)
    minutes, work = (time.monotonic() - began) / 60, (processor_seconds() - worked) / 60
    killed = ("refine", "quickstart", "experiment.name=killed", *SETTINGS)
    last = killed_at(folder, outputs / "killed" / "metrics.jsonl", *killed)
    done(folder, *killed, "--resume")
    metrics = [json.loads(text) for text in (outputs / "whole" / "metrics.jsonl").read_text().splitlines()]
    steps = [one for one in metrics if "reward" in one]
    evaluated = [one for one in metrics if "eval_reward" in one]
    drawn = [round(statistics.mean(one["reward"] for one in some), 2) for some in (steps[:5], steps[-5:])]
    refine = json.loads((outputs / "whole" / "run.json").read_text())["refine"]
    return {
        "part": "refine_cpu",
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(load, 2) for load in os.getloadavg()],
        "minutes": round(minutes, 1),
        "processor_minutes": round(work, 1),
        "step_seconds": round(statistics.median(one["seconds"] for one in steps), 1),
        "drawing_seconds": round(statistics.median(one["drawing_seconds"] for one in steps), 1),
        "eval_reward": [round(refine[when]["eval_reward"], 2) for when in ("start", "best")],
        "eval_rewards": {str(one["step"]): round(one["eval_reward"], 2) for one in evaluated},
        "drawn_reward": drawn,
        "killed_after_step": last,
        "same_bytes": digest(outputs / "whole") == digest(outputs / "killed"),
    }


def processor_seconds() -> float:
    """Return the seconds that processors have worked for ended commands."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(*arguments: str) -> list[str]:
    """Return the command line of a part of yoyak."""
    return [sys.executable, "-m", "src.cli", *arguments]


def environment() -> dict[str, str]:
    """Return this process's environment, with this checkout's code and no GPU."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def done(folder: Path, *arguments: str) -> None:
    """Run a command in a folder; it must succeed."""
    subprocess.run(command(*arguments), cwd=folder, env=environment(), stdout=sys.stderr, check=True)


def killed_at(folder: Path, metrics: Path, *arguments: str) -> int:
    """Run a command, kill it once its curves hold enough steps, and return the last one that they hold."""
    process = subprocess.Popen(command(*arguments), cwd=folder, env=environment(), stdout=sys.stderr)
    while process.poll() is None and len(made(metrics)) < KILLED_AFTER:
        time.sleep(0.2)
    if process.poll() is not None:
        raise SystemExit(f"{' '.join(arguments)}: ended with {process.returncode} before it could be killed")
    process.send_signal(signal.SIGKILL)
    process.wait()
    return made(metrics)[-1]


def made(metrics: Path) -> list[int]:
    """Return the steps that some curves hold so far."""
    if not metrics.exists():
        return []
    whole = metrics.read_text().rpartition("\n")[0].splitlines()
    return [line["step"] for line in map(json.loads, whole) if "reward" in line]


def digest(run: Path) -> str:
    """Return the SHA-256 of a run's adapter."""
    return hashlib.sha256((run / "final_model" / "adapter_model.safetensors").read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
