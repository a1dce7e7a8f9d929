"""Seconds of `yoyak evaluate` on files: start, and 500 summaries with intervals and chance floor. Prints one JSON line.

Run from the repository root: `python benchmarks/evaluate_speed.py`. Takes DialogSum beside the repository where it lies
there, else the sample dialogues, repeated up to 500. Each figure is a whole process, the fastest of three: its seconds,
and the seconds that it kept cores busy (all cores together), which other work on the machine changes less. A summary is
scored against the next dialogue's reference. `with_facts` gives the dialogues too, so that numbers, dates and names are
looked for.
"""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAIRS = 500
TRIES = 3


def main() -> None:
    """Time the command on Korean and on English."""
    seconds: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, "tiny", english()[:3])
        seconds["start_with_2_summaries"] = fastest(folder, "tiny", "references")
        for language, rows, tokenizations in (
            ("ko", korean(), ("word", "morpheme", "content", "char")),
            ("en", english(), ("word",)),
        ):
            write_files(folder, language, rows)
            for tokenization in tokenizations:
                seconds[f"{language}_{tokenization}"] = fastest(folder, language, "references", tokenization)
            for tokenization in ("word", "morpheme") if language == "ko" else ("word",):
                key = f"{language}_{tokenization}_with_facts"
                seconds[key] = fastest(folder, language, "dialogues", tokenization)
    result = {"benchmark": "evaluate_speed", "pairs": PAIRS, "cpu_cores": os.cpu_count(), "seconds": seconds}
    print(json.dumps(result))


def korean() -> list[dict[str, str]]:
    """Return one row more than there are pairs."""
    shared = ROOT.parent / "shared" / "data" / "dialogsum_ko" / "train.csv"
    return filled(shared if shared.is_file() else ROOT / "data" / "sample" / "ko" / "train.csv")


def english() -> list[dict[str, str]]:
    """Return one row more than there are pairs."""
    shared = ROOT.parent / "shared" / "data" / "dialogsum_en" / "train.jsonl"
    if not shared.is_file():
        return filled(ROOT / "data" / "sample" / "en" / "train.csv")
    with shared.open(encoding="utf-8") as file:
        return [json.loads(line) for line in islice(file, PAIRS + 1)]


def filled(path: Path) -> list[dict[str, str]]:
    """Return the file's rows, repeated until there are enough."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(islice(cycle(list(csv.DictReader(file))), PAIRS + 1))


def write_files(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    """Write predictions (each the next dialogue's summary), references, and references with dialogues."""
    for kind, columns, source in (
        ("predictions", ["fname", "summary"], rows[1:]),
        ("references", ["fname", "summary"], rows[:-1]),
        ("dialogues", ["fname", "summary", "dialogue"], rows[:-1]),
    ):
        with (folder / f"{name}_{kind}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(row | {"fname": f"d{number}"} for number, row in enumerate(source))


def fastest(folder: Path, name: str, references: str, tokenization: str = "word") -> dict[str, float]:
    """Return the seconds of the fastest whole process, and how long it kept cores busy."""
    command = [sys.executable, "-m", "src.cli", "evaluate", "--json", "--tokenization", tokenization]
    command += ["--predictions", str(folder / f"{name}_predictions.csv")]
    command += ["--references", str(folder / f"{name}_{references}.csv")]
    tries = []
    for _ in range(TRIES):
        start, busy = time.perf_counter(), busy_seconds()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        tries.append((time.perf_counter() - start, busy_seconds() - busy))
    whole, busy = min(tries)
    return {"whole": round(whole, 2), "busy": round(busy, 2)}


def busy_seconds() -> float:
    """Return how long all finished processes of this one have kept cores busy."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
