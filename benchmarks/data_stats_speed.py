"""Seconds of `yoyak data stats`, `split` and `augment` on 12,460 dialogues. Prints one JSON line.

Run from the repository root: `python benchmarks/data_stats_speed.py`. Takes the English DialogSum beside the repository
where it lies there, else the sample dialogues. Each command is a process of its own, its start included; the seconds
of the CPU are those of both its threads.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def timed(arguments: list[str]) -> dict[str, float]:
    """Run a command and return its wall and CPU seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "src.cli", "data", *arguments], cwd=ROOT, check=True, capture_output=True)
    wall_seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall_seconds": round(wall_seconds, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
    }


def main() -> None:
    """Time each command once, in a folder that is removed again."""
    shared = ROOT.parent / "shared" / "data" / "dialogsum_en"
    files = [str(shared / f"{name}.jsonl") for name in ("train", "dev")]
    if not shared.is_dir():
        files = ["sample:en/train.csv", "sample:en/dev.csv"]
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "benchmark": "data_stats_speed",
            "data": shared.name if shared.is_dir() else "sample",
            "cpu_cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
            "stats": timed(["stats", *files, "--out", f"{folder}/stats.html"]),
            "split": timed(["split", files[0], "--out", f"{folder}/split"]),
            "folds": timed(["split", files[0], "--folds", "5", "--out", f"{folder}/folds"]),
            "augment": timed(["augment", files[0], "--rename-speakers", "1", "--out", f"{folder}/more.jsonl"]),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
