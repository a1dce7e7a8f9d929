"""What it costs a run to read its machine at a log: memory, load and, on a GPU, heat.

    python benchmarks/readings.py [RUN ...]

Prints one JSON line: the mean of 2,000 readings in microseconds, all with the card's sensors asked anew where there is
one, and for each run's folder the share of its training, in percent, that readings take at each line of its curves.
"""

import argparse
import json
import time
from pathlib import Path

import torch

from src.training.logs import readings

READINGS = 2000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    readings._SENSOR_SECONDS = 0.0
    reader = readings.Readings(device)
    reader.read()  # the first one opens the driver's library
    began = time.perf_counter()
    for _ in range(READINGS):
        found = reader.read()
    seconds = (time.perf_counter() - began) / READINGS
    print(json.dumps({
        "benchmark": "readings",
        "device": device.type,
        "figures": sorted(found),
        "microseconds": round(1e6 * seconds, 1),
        "percent_of_training": {str(run): round(100 * _share(run, seconds), 5) for run in given.runs},
    }))  # fmt: skip


def _share(run: Path, seconds: float) -> float:
    """Return what part of a run's training its readings take, each so many seconds."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    logged = sum("loss" in line or "reward" in line for line in lines)
    return seconds * logged / float(record["train"]["wall_seconds"])


if __name__ == "__main__":
    main()
