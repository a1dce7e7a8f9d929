"""Does a long run on a GPU grow? SmolLM2-135M with LoRA on English dialogues, packed; one JSON line.

    python benchmarks/flat_run.py --train FILE [--seconds 300] [--every 100] [--batch-size 40] [--out FILE]

The allocator's memory, the process's, its open files and the captured graphs are read every so many steps, and printed
to standard error, so that a run that is cut off tells something too. A micro-batch of a size that has not occurred
takes memory for its graphs, so flat means: from the last such reading on, or from the second tenth of the run, each
kind of memory is at most 2% above its value there, open files do not grow, and no size was captured twice. Exits 1
where it is not.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.models.gpu_memory import ask_for_growing_segments

ask_for_growing_segments()  # before torch reads it

import torch
from engine_bands import trainer_on
from result_line import measured_at, print_line
from transformers import TrainerCallback

MOST_GROWTH = 0.02
KINDS = ("allocated", "reserved", "resident", "open_files")


class Readings(TrainerCallback):
    """Reads every so many steps, and ends the training after so many seconds."""

    def __init__(self, trainer: Any, every: int, seconds: float) -> None:
        """Nothing is read yet."""
        self.trainer, self.process, self.every = trainer, psutil.Process(), every
        self.end = time.perf_counter() + seconds
        self.read: dict[int, dict[str, int]] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read, or end."""
        control.should_training_stop = time.perf_counter() > self.end
        if state.global_step % self.every:
            return
        gc.collect()
        self.read[state.global_step] = {
            "allocated": torch.cuda.memory_allocated(),
            "reserved": torch.cuda.memory_reserved(),
            "resident": self.process.memory_info().rss,
            "open_files": self.process.num_fds(),
            "captured": self.trainer.passes.captured if self.trainer.passes else 0,
        }
        print(json.dumps({"step": state.global_step} | self.read[state.global_step]), file=sys.stderr, flush=True)


def flat_run(given: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Train and return the figures."""
    trainer = trainer_on(
        given.train,
        "training.engine=packed",
        "training.max_steps=1000000",
        f"training.batch_size={given.batch_size}",
        "training.learning_rate=2e-4",
        "training.lr_scheduler_type=constant",
        "training.logging_steps=50",
        f"experiment.output_dir={folder}",
    )
    readings = Readings(trainer.trainer, given.every, given.seconds)
    trainer.trainer.add_callback(readings)
    results = trainer.train()
    passes = trainer.trainer.passes
    read = list(readings.read.values())
    later = [one for one in read[len(read) // 10 :] if one["captured"] == read[-1]["captured"]]
    growth = {name: max(one[name] for one in later) / later[0][name] - 1 for name in KINDS}
    settings = torch.cuda.memory._snapshot()["allocator_settings"]
    return {
        "benchmark": "flat_run",
        "steps": results["steps"],
        "batch_size": given.batch_size,
        "seconds": round(results["train_runtime"], 1),
        "samples_s": round(results["samples_per_second"], 1),
        "growth": {name: round(value, 4) for name, value in growth.items()},
        "peak_allocated": torch.cuda.max_memory_allocated(),
        "growing_segments": settings["expandable_segments"],
        "readings_since": next(step for step, one in readings.read.items() if one is later[0]),
        "readings": readings.read,
        "captured_graphs": passes.captured if passes else 0,
        "captured_sizes": len(passes.sizes) if passes else 0,
    }


def main() -> None:
    """Train, print, and fail where something grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--every", type=int, default=100, help="steps from one reading to the next")
    parser.add_argument("--batch-size", type=int, default=40)
    parser.add_argument("--out", type=Path, help="append the line to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        line = flat_run(given, folder) | measured_at()
    print_line(line, given.out)
    flat = all(value <= MOST_GROWTH for value in line["growth"].values())
    sys.exit(0 if flat and line["captured_graphs"] == line["captured_sizes"] else 1)


if __name__ == "__main__":
    main()
