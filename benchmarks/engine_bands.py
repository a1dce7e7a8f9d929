"""Loss curves of both engines over a few seeds: SmolLM2-135M with LoRA on English dialogues. Prints one JSON line.

    python benchmarks/engine_bands.py --train FILE [--steps 200] [--seeds 42 43 44] [--batch-size 40] [--processes 1]
        [--picture FILE]

Both engines take the same examples in each step, those of the packed engine's shuffled order. (The trainer engine would
batch examples of similar length: batches of short ones count as much as batches of long ones there, and the logged
losses are means over other tokens.) A point is the mean of 10 steps, a band the smallest and largest of the seeds.
`difference` is packed's mean loss of the last quarter less trainer's, of one seed each time, `standard_error` that of
its mean over the seeds; `step_difference` the mean absolute difference of one step's losses, `step_spread` that of two
seeds; `overlapping` the share of points at which the bands meet. On a GPU `packed` holds, of its last seed, what the
allocator had reserved and how many graphs were captured after a quarter of the steps and at the end.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from result_line import measured_at, print_line

POINT = 10  # steps
ENGINES = ("trainer", "packed")
COLOURS = {"trainer": "#b45309", "packed": "#1d4ed8"}


def trainer_on(train: Path, *settings: str) -> Any:
    """Return a trainer of the bundled model with LoRA, in 16 bit on a GPU, on a file of English dialogues."""
    from src.config import load_config
    from src.data.files.sources import load_dialogues
    from src.data.llm_dataset import create_llm_dataset
    from src.data.prompt.prompts import prompt_arguments
    from src.models.lora_loader import LoRALoader
    from src.training.llm_trainer import create_llm_trainer

    fixed = (
        "training.gradient_accumulation_steps=1",
        "training.gradient_checkpointing=false",
        "training.learning_rate=1e-3",
        "lora.use_qlora=false",
        "dataset.language=en",
        f"data.train={train}",
    )
    config = load_config("smollm2_135m", [*fixed, *settings])
    config.training.report_to = []
    model, tokenizer = LoRALoader(config).load_model_and_tokenizer(use_lora=True, use_qlora=False)
    rows = load_dialogues(config.data.train, config.data).rows
    texts = [row.dialogue for row in rows], [row.summary for row in rows]
    return create_llm_trainer(
        config, model, tokenizer, create_llm_dataset(*texts, tokenizer, **prompt_arguments(config))
    )


def losses(given: argparse.Namespace, engine: str, seed: int) -> tuple[list[float], dict[str, dict[int, int]]]:
    """Train, and return each step's loss, and what the allocator and the graphs told."""
    import torch
    from transformers import TrainerCallback

    from src.training.samplers import ShuffledSampler

    readings: dict[str, dict[int, int]] = {}

    class Reader(TrainerCallback):
        """Reads after a quarter of the steps and at the last."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if torch.cuda.is_available() and state.global_step in (given.steps // 4, given.steps):
                passes = getattr(trainer.trainer, "passes", None)
                readings.setdefault("reserved_bytes", {})[state.global_step] = torch.cuda.memory_reserved()
                readings.setdefault("captured_graphs", {})[state.global_step] = passes.captured if passes else 0

    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_on(
            given.train,
            f"training.engine={engine}",
            f"training.seed={seed}",
            f"training.max_steps={given.steps}",
            f"training.batch_size={given.batch_size}",
            "training.logging_steps=1",
            f"experiment.output_dir={folder}",
        )
        trainer.trainer._get_train_sampler = lambda *_: ShuffledSampler(len(trainer.train_dataset), seed)
        trainer.trainer.add_callback(Reader())
        trainer.train()
        lines = [json.loads(line) for line in next(Path(folder).glob("*/metrics.jsonl")).read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line], readings


def points(curve: list[float]) -> list[float]:
    """Return the means of each ten steps."""
    return [statistics.fmean(curve[start : start + POINT]) for start in range(0, len(curve) - POINT + 1, POINT)]


def apart(ours: list[float], theirs: list[float]) -> float:
    """Return the mean absolute difference of two curves' steps."""
    return statistics.fmean(abs(a - b) for a, b in zip(ours, theirs, strict=True))


def compared(curves: dict[str, list[list[float]]]) -> dict[str, float]:
    """Return how far apart the engines' curves are."""
    ends = {name: [statistics.fmean(curve[-len(curve) // 4 :]) for curve in some] for name, some in curves.items()}
    differences = [packed - trainer for packed, trainer in zip(ends["packed"], ends["trainer"], strict=True)]
    error = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
    steps = [apart(ours, theirs) for ours, theirs in zip(curves["packed"], curves["trainer"], strict=True)]
    spread = [apart(*pair) for pair in combinations(curves["trainer"], 2)]
    bands = {name: [(min(at), max(at)) for at in zip(*map(points, some), strict=True)] for name, some in curves.items()}
    meet = [a[0] <= b[1] and b[0] <= a[1] for a, b in zip(*(bands[name] for name in ENGINES), strict=True)]
    return {
        **{f"last_quarter_{name}": round(statistics.fmean(values), 4) for name, values in ends.items()},
        "difference": round(statistics.fmean(differences), 4),
        "standard_error": round(error, 4),
        "step_difference": round(statistics.fmean(steps), 4),
        **({"step_spread": round(statistics.fmean(spread), 4)} if spread else {}),
        "overlapping": round(statistics.fmean(meet), 3),
    }


def draw(smooth: dict[str, list[list[float]]], path: Path) -> None:
    """Draw the engines' bands and mean curves, of points."""
    from drawing import new_figure, save

    figure, axes = new_figure("Training loss, means of 10 steps: band over the seeds", "step", "loss")
    for name, some in smooth.items():
        columns = list(zip(*some, strict=True))
        steps = [POINT * (index + 1) for index in range(len(columns))]
        lowest, highest = list(map(min, columns)), list(map(max, columns))
        axes.fill_between(steps, lowest, highest, color=COLOURS[name], alpha=0.25, linewidth=0)
        axes.plot(steps, list(map(statistics.fmean, columns)), color=COLOURS[name], label=f"{name} engine")
    axes.legend(frameon=False)
    save(figure, path)


def main() -> None:
    """Train, compare, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--batch-size", type=int, default=40)
    parser.add_argument("--processes", type=int, default=1, help="so many runs at a time")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--out", type=Path, help="append the line to this file")
    given = parser.parse_args()
    runs = [(engine, seed) for engine in ENGINES for seed in given.seeds]
    start = time.perf_counter()
    with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(losses, given, *run) for run in runs]
    found = {run: future.result() for run, future in zip(runs, futures, strict=True)}
    curves = {engine: [found[engine, seed][0] for seed in given.seeds] for engine in ENGINES}
    smooth = {name: [[round(value, 4) for value in points(curve)] for curve in some] for name, some in curves.items()}
    line = {
        "benchmark": "engine_bands",
        "steps": given.steps,
        "batch_size": given.batch_size,
        "seeds": given.seeds,
        **compared(curves),
        "processes": given.processes,
        "seconds": round(time.perf_counter() - start, 1),
        "packed": found["packed", given.seeds[-1]][1],
        "points": smooth,
        **measured_at(),
    }
    print_line(line, given.out)
    if given.picture:
        draw(smooth, given.picture)


if __name__ == "__main__":
    main()
