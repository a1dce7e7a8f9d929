"""Where a training step's time on a GPU goes, by part: kernels of whole steps through the product's trainer.

    python benchmarks/step_profile.py SHAPE --examples FILE [--budget GB] [--kernels] [--out FILE]
    python benchmarks/step_profile.py smollm2_135m --batch-size 10 [--dropout 0.05] [--kernels] [--out FILE]

Model, examples and settings are those of `train_throughput.py`; SmolLM2-135M's shape is in bf16, with random ids of
dialogues' lengths. There all products are short: what is said of frozen weights and adapters apart tells little.
After warm-up, 10 steps are timed without a profiler and 3 with it, from the begin of a step's first micro-batch to that
of the fourth step's. Prints one JSON line: of each part milliseconds a step, with floating point operations and bytes
as `step_counts.py` counts them; `wall_ms`, and of it `idle_ms`, in which no kernel ran; how many `kernels` a step ran;
TFLOP/s of the whole step (`tflops`) and of the products with frozen weights and the head (`frozen_tflops`), both over
the operations of these products alone; and `product_tflops`, what one large product in bf16 reaches on this card, right
after. `--kernels` prints the longest kernels with their parts to stderr.
"""

import argparse
import gc
import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.models.gpu_memory import ask_for_growing_segments

ask_for_growing_segments()  # before torch reads it

import torch
from optimizer_waits import adapted_model
from random_checkpoint import SHAPES as ALL_SHAPES
from result_line import measured_at, print_line
from several_gpus import examples_of
from step_counts import Batch, frozen_kernels, step_parts
from step_kernels import (
    PARTS,
    Kernel,
    SortedKernel,
    busy_microseconds,
    kernel_table,
    micro_batches,
    microseconds_by_part,
    read_trace,
    sorted_micro_batch,
)
from train_throughput import SHAPES, WARM_UP, build_model, load_examples, trainer_for
from transformers import TrainerCallback

TIMED, PROFILED = 10, 3
STEPS = WARM_UP + TIMED + PROFILED + 2  # one before and one behind those that are profiled
SMALL = "smollm2_135m"
_SIDE, _REPEATS = 8192, 200


class Recorder(TrainerCallback):
    """Times some steps, then profiles some, and keeps the micro-batches of each."""

    def __init__(self, trainer: Any, trace: Path) -> None:
        """Nothing is recorded yet; the profile is to go to `trace`."""
        self.trace, self.batches, self.times = trace, list[list[Batch]](), list[float]()
        self.profile: Any = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
        step = trainer.training_step

        def recorded(model: Any, inputs: dict[str, Any], count: Any = None) -> torch.Tensor:
            self.batches.append([batch_of(one) for one in inputs["micro_batches"]])
            result: torch.Tensor = step(model, inputs, count)
            return result

        trainer.training_step = recorded

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read the clock, begin or end the profile."""
        if state.global_step in (WARM_UP, WARM_UP + TIMED, STEPS):
            torch.cuda.synchronize()
            self.times.append(time.perf_counter())
        if state.global_step == WARM_UP + TIMED:
            self.profile.start()
        elif state.global_step == STEPS:
            self.profile.stop()
            self.profile.export_chrome_trace(str(self.trace))


def batch_of(batch: Any) -> Batch:
    """Return the sizes of a `MicroBatch`."""
    lengths = [int(length) for length in batch.starts.diff()]
    pairs = sum(length * (length + 1) // 2 for length in lengths)
    return Batch(len(batch.input_ids), batch.tokens, len(batch.targets), pairs)


def profiled(trainer: Any, folder: Path) -> tuple[dict[str, Any], list[SortedKernel]]:
    """Train; return the line's figures, and the kernels with their parts."""
    from src.planner.memory import Activations
    from src.training.memory_plan import job_of_model

    recorder = Recorder(trainer.trainer, folder / "trace.json")
    trainer.trainer.add_callback(recorder)
    trainer.train()
    plan, job = trainer.resolved.memory_plan, job_of_model(trainer.model, trainer.config.training, "packed")
    how = Activations(plan.kept_layers, plan.keeps_inputs)
    steps = recorder.batches[WARM_UP + TIMED :]
    kept = steps[1 : 1 + PROFILED]
    found, window = split_by_step(read_trace(recorder.trace), [len(batches) for batches in steps])
    sorted_kernels = [
        one
        for kernels_of_step, batches in zip(found, kept, strict=True)
        for kernels, batch in zip(kernels_of_step, batches, strict=True)
        for one in sorted_micro_batch(kernels, frozen_kernels(job, how, batch), last=batch is batches[-1])
    ]
    milliseconds = {part: us / 1e3 / PROFILED for part, us in microseconds_by_part(sorted_kernels).items()}
    wall = (window[1] - window[0]) / 1e3 / PROFILED
    busy = busy_microseconds([one.kernel for one in sorted_kernels]) / 1e3 / PROFILED
    milliseconds["step"] = wall
    counts = mean_counts([step_parts(job, how, batches) for batches in kept])
    passes = trainer.trainer.passes
    return {
        "steps": PROFILED,
        "tokens": round(sum(batch.tokens for batches in kept for batch in batches) / PROFILED),
        "rows": round(sum(batch.rows for batches in kept for batch in batches) / PROFILED),
        "targets": round(sum(batch.targets for batches in kept for batch in batches) / PROFILED),
        "micro_batches": round(sum(map(len, kept)) / PROFILED, 2),
        "micro_batch_tokens": plan.micro_batch_tokens,
        "checkpointing": job.shape.layers - plan.kept_layers,
        "keeps_inputs": plan.keeps_inputs,
        "captured_graphs": passes.captured if passes else 0,
        "unprofiled_ms": round((recorder.times[1] - recorder.times[0]) / TIMED * 1e3, 2),
        "wall_ms": round(wall, 2),
        "idle_ms": round(wall - busy, 2),
        "kernels": round(len(sorted_kernels) / PROFILED),
        "parts": {
            part: {"ms": round(milliseconds[part], 3)}
            | ({"flops": round(counts[part][0]), "bytes": round(counts[part][1])} if part in counts else {})
            for part in (*PARTS, "step")
        },
        "tflops": round(counts["frozen"][0] / wall / 1e9, 1),
        "frozen_tflops": round(counts["frozen"][0] / milliseconds["frozen"] / 1e9, 1),
    }, sorted_kernels


def split_by_step(
    kernels: Sequence[Kernel], batches: Sequence[int]
) -> tuple[list[list[list[Kernel]]], tuple[float, float]]:
    """Return the kernels by step and micro-batch, without the first step and the last, and begin and end of these.

    Args:
        kernels: of all steps of the profile, in order.
        batches: the number of micro-batches of each.

    Raises:
        ValueError: the profile has another number of micro-batches.
    """
    found = micro_batches(kernels)
    if len(found) != sum(batches):
        names = "\n".join(sorted({kernel.name[:160] for kernel in kernels}))
        raise ValueError(f"{len(found)} micro-batches in the profile, {sum(batches)} were computed; kernels:\n{names}")
    ends = [sum(batches[: number + 1]) for number in range(len(batches))]
    steps = [found[begin:end] for begin, end in itertools.pairwise(ends[:-1])]
    return steps, (found[ends[0]][0].begin, found[ends[-2]][0].begin)


def mean_counts(steps: Sequence[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return operations and bytes of each part, means of some steps."""
    return {
        part: (
            sum(step[part].flops for step in steps) / len(steps),
            sum(step[part].bytes for step in steps) / len(steps),
        )
        for part in steps[0]
    }


def product_tflops() -> float:
    """Return the rate of one product of 8,192 x 8,192 matrices in bf16, over 200 in a row, in TFLOP/s."""
    left, right = (torch.randn(_SIDE, _SIDE, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    out = torch.empty_like(left)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    for repeat in range(2 * _REPEATS):  # the first half heats the card up
        if repeat == _REPEATS:
            begin.record()
        torch.mm(left, right, out=out)
    end.record()
    torch.cuda.synchronize()
    seconds: float = begin.elapsed_time(end) / 1e3
    return 2 * _SIDE**3 * _REPEATS / seconds / 1e12


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=[*SHAPES, SMALL])
    parser.add_argument("--examples", type=Path, help=f"needed but for {SMALL}")
    parser.add_argument("--batch-size", type=int, default=40, help=f"examples a step of {SMALL}; the others have 64")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--budget", type=float, default=0, help="training.memory_budget_gb; 0 is the whole card")
    parser.add_argument("--kernels", action="store_true", help="print the longest kernels with their parts")
    parser.add_argument("--out", type=Path, help="append the line to this file")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("this machine has no GPU, whose kernels are what is profiled")
    settings: tuple[str, ...] = ()
    if given.shape == SMALL:
        settings = f"training.batch_size={given.batch_size}", "training.gradient_accumulation_steps=1"
        random_ids = {"file": given.examples, "variant": "one", "shape": SMALL}
        model = adapted_model(SMALL, given.dropout)
        items = examples_of(random_ids, given.batch_size * STEPS, ALL_SHAPES[SMALL]["vocab_size"])
    elif given.examples:
        model, items = build_model(given.shape, given.dropout), load_examples(given.examples, STEPS)
    else:
        parser.error(f"--examples is needed for {given.shape}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trainer = trainer_for(model, items, folder, STEPS, given.budget, given.dropout, "compute", *settings)
        figures, kernels = profiled(trainer, folder)
    if given.kernels:
        print(kernel_table(kernels), file=sys.stderr)
    del trainer, model
    gc.collect()
    torch.cuda.empty_cache()
    line = {"benchmark": "step_profile", "shape": given.shape, "budget_gb": given.budget or None}
    line |= {"dropout": given.dropout} | ({"examples_a_step": given.batch_size} if given.shape == SMALL else {})
    line |= {**figures, "product_tflops": round(product_tflops(), 1), **measured_at()}
    print_line(line, given.out)


if __name__ == "__main__":
    main()
