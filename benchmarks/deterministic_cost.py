"""What deterministic kernels cost: the time of a training step with `training.deterministic` over that without it.

    python benchmarks/deterministic_cost.py SHAPE --examples FILE [--budget 8] [--rounds 2] [--out FILE]

Model, examples, settings and steps are those of `train_throughput.py`. Each run is a process of its own, since cuBLAS
reads the setting when it starts; runs with it and without it take turns. Prints one JSON line: samples/s of each run,
and `time_ratio`, that of their means. It differs from 1 by no more than `spread` (the largest rate over the smallest of
equal runs, less 1) where the kernels cost nothing.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def rates(given: argparse.Namespace, deterministic: bool) -> dict[str, Any]:
    """Train in a process of its own; return its figures.

    Raises:
        SystemExit: it failed; its last lines are the message.
    """
    command = [sys.executable, __file__, given.shape, "--examples", str(given.examples), "--budget", str(given.budget)]
    command += ["--child", str(deterministic).lower()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def train_in_this_process(given: argparse.Namespace) -> None:
    """Train with `given.child` as the setting and print the figures."""
    if given.child == "true":
        from src.training.guards.deterministic import prepare_deterministic

        prepare_deterministic()
    from plan_accuracy import about
    from train_throughput import STEPS, WARM_UP, build_model, load_examples, measure

    model, items = build_model(given.shape, 0.0), load_examples(given.examples, WARM_UP + STEPS)
    figures = measure(model, items, given.budget, 0.0, "compute", f"training.deterministic={given.child}")
    print(json.dumps({"timed_steps": STEPS, **figures, **about()}))


def line_of(given: argparse.Namespace, runs: dict[bool, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the line of all runs, which are by whether they were deterministic."""
    found = {deterministic: [run["samples_s"] for run in some] for deterministic, some in runs.items()}
    last = runs[True][-1]
    return {
        "benchmark": "deterministic_cost",
        "shape": given.shape,
        "budget_gb": given.budget or None,
        "timed_steps": last["timed_steps"],
        "samples_s": found[False],
        "samples_s_deterministic": found[True],
        "time_ratio": round(statistics.fmean(found[False]) / statistics.fmean(found[True]), 4),
        "spread": round(max(max(some) / min(some) for some in found.values()) - 1, 4),
        "loss": [runs[deterministic][-1]["loss"] for deterministic in (False, True)],
        **{name: last[name] for name in ("micro_batch_tokens", "captured_graphs")},
        **{name: last[name] for name in ("date", "device", "versions", "commit")},
    }


def main() -> None:
    """Run in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", help="as of train_throughput.py")
    parser.add_argument("--examples", type=Path, required=True)
    parser.add_argument("--budget", type=float, default=8, help="training.memory_budget_gb; 0 is the whole card")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each kind")
    parser.add_argument("--out", type=Path, help="append the line to this file")
    parser.add_argument("--child", choices=("true", "false"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        train_in_this_process(given)
        return
    runs: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for _ in range(given.rounds):
        for deterministic, some in runs.items():
            some.append(rates(given, deterministic))
    line = line_of(given, runs)
    print(json.dumps(line))
    if given.out:
        with given.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
