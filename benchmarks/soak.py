"""Does a long run leak? Train a tiny random model on the CPU with evaluation and saving; print a JSON line.

python benchmarks/soak.py [--steps 2000] [--engine packed|trainer]

Resident memory (of the kernel, after a garbage collection) and open files are read every 50 steps. Flat means that the
largest value from step 200 on is at most 2% above that of step 200. Exits 1 where memory or open files grow.
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

from transformers import TrainerCallback

from src.commands.console import quiet_libraries
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.llm_trainer import LLMTrainer

MOST_GROWTH = 0.02
FIRST_STEP = 200
EVERY = 50


class Readings(TrainerCallback):
    """Reads memory and open files of this process every 50 steps."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.process = psutil.Process()
        self.resident_bytes: dict[int, int] = {}
        self.open_files: dict[int, int] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read."""
        if state.global_step % EVERY == 0:
            gc.collect()
            self.resident_bytes[state.global_step] = self.process.memory_info().rss
            self.open_files[state.global_step] = self.process.num_fds()


def soak(steps: int, engine: str, folder: Path) -> dict[str, Any]:
    """Train and return the figures."""
    config = tiny_config(
        write_tiny_model(folder / "base"),
        folder,
        lora__dropout=0.05,
        training__engine=engine,
        training__max_steps=steps,
        training__learning_rate=1e-3,
        training__eval_steps=100,
        training__report_to=["tensorboard"],
        training__logging_steps=10,
    )
    model, tokenizer = load_tiny(config)
    dataset, readings = tiny_dataset(tokenizer), Readings()
    begin = time.perf_counter()
    LLMTrainer(config, model, tokenizer, dataset, dataset, callbacks=[readings]).train()
    later = {step: value for step, value in readings.resident_bytes.items() if step >= FIRST_STEP}
    first = later[FIRST_STEP]
    files = [value for step, value in readings.open_files.items() if step >= FIRST_STEP]
    return {
        "benchmark": "soak",
        "steps": steps,
        "engine": engine,
        "evaluations": steps // 100,
        "wall_seconds": round(time.perf_counter() - begin, 1),
        "resident_mb_at_step_200": round(first / 1e6, 1),
        "resident_mb_at_end": round(list(later.values())[-1] / 1e6, 1),
        "growth": round(list(later.values())[-1] / first - 1, 4),
        "largest_growth": round(max(later.values()) / first - 1, 4),
        "open_files_at_step_200": files[0],
        "open_files_at_end": files[-1],
        "resident_mb": {step: round(value / 1e6, 1) for step, value in readings.resident_bytes.items()},
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--engine", choices=["packed", "trainer"], default="packed")
    arguments = parser.parse_args()
    quiet_libraries()
    with tempfile.TemporaryDirectory() as folder:
        figures = soak(arguments.steps, arguments.engine, Path(folder))
    print(json.dumps(figures))
    flat = figures["largest_growth"] <= MOST_GROWTH
    sys.exit(0 if flat and figures["open_files_at_end"] <= figures["open_files_at_step_200"] else 1)


if __name__ == "__main__":
    main()
