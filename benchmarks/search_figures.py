"""What `yoyak search` promises, on a random model of two layers that is trained in a second.

    python benchmarks/search_figures.py deadline [--runs 20] [--seed N] [--out FILE]
    python benchmarks/search_figures.py kills [--kills 10] [--seed N] [--out FILE]
    python benchmarks/search_figures.py workers [--workers 4] [--deadline 60s] [--out FILE]

`deadline`: searches with random deadlines; how long after it each ended, whether a trial was left without a
measurement, and what trials were foreseen to take against what they took. `kills`: a search of some trials that is
killed at random moments and started again, against one that is not. `workers`: trials of several processes on one
search, against one.
Each prints a JSON line, and ends with 1 where the promise isn't kept.
"""

import argparse
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from result_line import measured_at, print_line

LATE_SHARE = 0.02
ASKED_OF_FOUR = 3.5
_FORKS = multiprocessing.get_context("fork")
FIRST_FORESEEN = 3  # trials before which no pace is known


def main() -> int:
    """Run, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("deadline", "kills", "workers"))
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--least", type=float, default=40, help="seconds of the shortest deadline")
    parser.add_argument("--most", type=float, default=120, help="seconds of the longest deadline")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--trials", type=int, default=6, help="of the search that is killed")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--deadline", default="60s", help="of the workers")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--out", type=Path, help="file to which the line is appended")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    with tempfile.TemporaryDirectory(prefix="search.") as folder:
        write_project(Path(folder))
        import_module("src.training.llm_trainer")  # once, and not in each process
        try:
            found = {"deadline": deadlines, "kills": kills, "workers": workers}[given.what](Path(folder), given)
        finally:
            for process in multiprocessing.active_children():  # where one has failed, the others write here yet
                process.kill()
                process.join()
    print_line({"benchmark": f"search_{given.what}", **measured_at(), "seed": given.seed, **found}, given.out)
    return 0 if found["kept"] else 1


def write_project(folder: Path) -> None:
    """Write a model, its data and a config `tiny.yaml`."""
    import yaml

    from src.tests.commands.conftest import write_csv
    from src.tests.tiny_models import DIALOGUES, SUMMARIES, write_tiny_model

    checkpoint = write_tiny_model(folder / "base")
    write_csv(folder / "train.csv", DIALOGUES * 4, SUMMARIES * 4)
    write_csv(folder / "dev.csv", DIALOGUES, SUMMARIES)
    write_csv(folder / "test.csv", [f"{dialogue}\nA: Bye." for dialogue in DIALOGUES[:2]], SUMMARIES[:2])
    config = {
        "model": {"checkpoint": checkpoint},
        "lora": {"r": 4, "use_qlora": False},
        "tokenizer": {"encoder_max_len": 256, "decoder_max_len": 16},
        "dataset": {"language": "en"},
        "data": {"train": "train.csv", "eval": "dev.csv", "test": "test.csv"},
        "training": {"epochs": 2, "batch_size": 2, "gradient_accumulation_steps": 1, "learning_rate": 1e-2,
                     "gradient_checkpointing": False, "report_to": []},
        "search": {"objective": "chrf", "pauses": [0.5], "pauses_share": 1000},  # trials pause, however short
        "refine": {"dialogues": 2, "samples": 2, "steps": 2, "eval_steps": 1},
        "experiment": {"name": "tiny"},
    }  # fmt: skip
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def start(folder: Path, name: str, deadline: str, *overrides: str) -> multiprocessing.process.BaseProcess:
    """Start a search in a process of its own, which has what all of them import from the beginning."""
    arguments = ["search", "-e", "tiny.yaml", "--deadline", deadline, f"experiment.name={name}", *overrides]
    process = _FORKS.Process(target=_search, args=(folder, name, arguments))
    process.start()
    return process


def ended(process: multiprocessing.process.BaseProcess, folder: Path, name: str, seconds: float | None = None) -> bool:
    """Wait for a search, at most so many seconds; tell whether it has ended. One that failed ends this."""
    process.join(seconds)
    if process.exitcode not in (None, 0):
        log = folder / f"{name}.{process.pid}.log"
        said = log.read_text(encoding="utf-8")[-3000:] if log.is_file() else ""
        raise SystemExit(f"{said}{name}: process {process.pid} has ended with {process.exitcode}")
    return process.exitcode == 0


def all_ended(processes: list[multiprocessing.process.BaseProcess], folder: Path, name: str) -> None:
    """Wait for all of a search's processes; the first that fails ends this."""
    while processes:
        wait([process.sentinel for process in processes])
        processes = [process for process in processes if not ended(process, folder, name, 0)]


def _search(folder: Path, name: str, arguments: list[str]) -> None:
    from src.cli import main as yoyak

    os.chdir(folder)
    with (folder / f"{name}.{os.getpid()}.log").open("wb") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    yoyak(arguments)


def result_of(folder: Path, name: str) -> dict[str, Any]:
    """Return what a search found."""
    found: dict[str, Any] = json.loads((folder / "outputs" / f"{name}_search" / "search.json").read_text())
    return found


def deadlines(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Search with random deadlines."""
    random_of = random.Random(given.seed)
    late, errors, unmeasured, trials, refused = [], [], 0, 0, 0
    for number in range(given.runs):
        seconds = round(random_of.uniform(given.least, given.most), 1)
        began = time.time()
        process = start(folder, f"run{number}", f"{seconds}s")
        process.join()
        late.append((time.time() - began) / seconds - 1)
        if process.exitcode == 2:  # no trial fits, which is said before the deadline
            refused += 1
            continue
        found = result_of(folder, f"run{number}")
        begun = [trial for trial in found["trials"] if trial["state"] != "refused"]
        trials += len(begun)
        unmeasured += sum(not trial["measured"] and trial["score"] is None for trial in begun)
        stages = [stage for trial in begun for stage in trial["stages"]]
        errors += [stage["seconds"] / stage["foreseen"] - 1 for stage in stages[FIRST_FORESEEN:]]
    absolute = sorted(map(abs, errors))
    return {
        "runs": given.runs,
        "refused": refused,
        "late_share_worst": round(max(late), 4),
        "late_share_median": round(statistics.median(late), 4),
        "trials": trials,
        "trials_without_measurement": unmeasured,
        "cost_errors": len(errors),
        "cost_error_median": round(statistics.median(absolute), 3) if absolute else None,
        "load": [round(value, 1) for value in os.getloadavg()],
        "cost_within_20_percent": round(sum(e <= 0.2 for e in absolute) / len(absolute), 3) if absolute else None,
        "kept": max(late) <= LATE_SHARE and unmeasured == 0,
    }


def kills(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Kill a search at random moments."""
    overrides = (f"search.trials={given.trials}",)
    began = time.monotonic()
    ended(start(folder, "whole", "1d", *overrides), folder, "whole")
    seconds = time.monotonic() - began
    random_of, killed = random.Random(given.seed), 0
    while killed < given.kills:
        process = start(folder, "killed", "1d", *overrides)
        if ended(process, folder, "killed", random_of.uniform(0.1, 0.9) * seconds / 2):
            break  # all was found before the last kill
        process.kill()
        process.join()
        killed += 1
    ended(start(folder, "killed", "1d", *overrides), folder, "killed")
    whole, again = result_of(folder, "whole"), result_of(folder, "killed")
    facts = [
        [{key: trial[key] for key in ("number", "settings", "state", "measured", "score")} for trial in one["trials"]]
        + [{key: line[key] for key in ("label", "score", "kept")} for line in one["additions"]]
        for one in (whole, again)
    ]
    weights = [
        (folder / "outputs" / f"{name}_search" / "best" / "final_model" / "adapter_model.safetensors").read_bytes()
        for name in ("whole", "killed")
    ]
    same = facts[0] == facts[1] and whole["chosen"] == again["chosen"] and weights[0] == weights[1]
    made = {"trials": len(whole["trials"]), "additions": len(whole["additions"])}
    return {"kills": killed, **made, "identical": same, "kept": same}


def workers(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Search with several processes."""
    counts = []
    for name, number in (("one", 1), ("several", given.workers)):
        all_ended([start(folder, name, given.deadline) for _ in range(number)], folder, name)
        stages = [stage for trial in result_of(folder, name)["trials"] for stage in trial["stages"]]
        counts.append(len(stages))
    share = counts[1] / counts[0]
    cores = len(os.sched_getaffinity(0))
    bound = min(given.workers, cores)
    asked = ASKED_OF_FOUR * bound / 4
    print(
        f"{cores} cores, each worker with one thread: at most {bound} times the trials of one worker can be had while "
        f"nothing else computes; {asked:.2f} are asked",
        file=sys.stderr,
    )
    return {
        "workers": given.workers,
        "cores": cores,
        "at_most": bound,
        "asked": asked,
        "parts_of_trials": counts,
        "times": round(share, 2),
        "load": [round(value, 1) for value in os.getloadavg()],
        "kept": share >= asked,
    }


if __name__ == "__main__":
    sys.exit(main())
