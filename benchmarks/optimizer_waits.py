"""What an optimizer adds to a step of a small model on a GPU, where the host's time counts.

    python benchmarks/optimizer_waits.py [--optimizers adamw_torch_fused adamw_bnb_8bit] [--examples 40] [--steps 300]
        [--profile] [--out FILE]
    python benchmarks/optimizer_waits.py --tiny --steps 6     # tries it on a CPU
    OMP_NUM_THREADS=1 python benchmarks/optimizer_waits.py --narrow --optimizers adamw_torch_fused     # the host's part

SmolLM2-135M's shape with random weights in bf16, LoRA r 16 on seven projections with dropout 0.05, random ids of
dialogues' lengths, the packed engine through the product's trainer; the whole card. bitsandbytes' optimizers wait for
the GPU at each parameter, torch's fused AdamW is one call for all. One JSON line an optimizer, in one process one after
the other: `used` is what ran (the plan may put another in a wanted one's place, and a CPU has no 8-bit one),
`median_ms` and `last_ms` are of a step between the ends of two, the latter the mean of the last third. `--profile` runs
each again under cProfile and prints where the host's time went to stderr; the lines are of the runs without. `--narrow`
is 30 layers of a width of 16 without their passes, which for the host are the launch of a graph, on a CPU, in the
process's seconds: what a step costs the host besides.
"""

import argparse
import cProfile
import io
import itertools
import pstats
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from src.models.gpu_memory import ask_for_growing_segments

ask_for_growing_segments()  # before torch reads it

import torch
from peft import LoraConfig, get_peft_model
from random_checkpoint import SHAPES, random_model
from result_line import measured_at, print_line
from several_gpus import examples_of
from train_throughput import trainer_for
from transformers import TrainerCallback

from src.data.batches.packing import MicroBatch
from src.decoder.packed_decoder import Passes

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FEWEST_STEPS, ROWS = 3, 40


class NoPasses(Passes):
    """Passes that compute nothing: on a GPU each is one launch for the host, that of a graph."""

    def fits(self, batch: MicroBatch) -> bool:
        """Take every micro-batch."""
        return True

    def forward(self, batch: MicroBatch, key: tuple[int, int] | None) -> torch.Tensor:
        """Return zeros (targets, width)."""
        weight = self.decoder.embeddings.weight
        return weight.new_zeros(len(batch.targets), weight.shape[1])

    def backward(self, grad: torch.Tensor) -> torch.Tensor:
        """Add nothing."""
        return grad


def adapted_model(shape: str, dropout: float = 0.05) -> Any:
    """Return a model of random weights, frozen, with a new adapter in float32."""
    model = random_model(shape)
    if not torch.cuda.is_available():
        model = model.float()
    for parameter in model.parameters():
        parameter.requires_grad = False
    settings = LoraConfig(r=16, lora_alpha=32, lora_dropout=dropout, target_modules=PROJECTIONS, task_type="CAUSAL_LM")
    model = get_peft_model(model, settings)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    return model


def measure(shape: str, optimizer: str, examples: int, steps: int, profile: cProfile.Profile | None) -> dict[str, Any]:
    """Train so many steps of so many examples, under a profiler where one is given; return the figures."""

    class Clock(TrainerCallback):
        """When training began, and when each step ended for the host."""

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            times.append(clock())

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            times.append(clock())

    clock = (
        time.process_time if shape == "narrow" else time.perf_counter
    )  # what else the machine does counts for nothing
    times: list[float] = []
    model = adapted_model(shape)
    items = examples_of({"file": None, "variant": "one", "shape": shape}, examples * 320, SHAPES[shape]["vocab_size"])
    settings = [
        f"training.batch_size={examples}",
        "training.gradient_accumulation_steps=1",
        f"training.optim={optimizer}",
        "training.gradient_checkpointing=auto",
        "training.logging_steps=50",
        "training.save_minutes=null",
    ]
    if not torch.cuda.is_available():
        settings += ["model.dtype=fp32", f"training.micro_batch_tokens={16384 if shape == 'narrow' else 1024}"]
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_for(model, items, Path(folder), steps, 0, 0.05, "compute", *settings)
        trainer.trainer.add_callback(Clock())
        if shape == "narrow":
            trainer.trainer.side_by_side = None
            trainer.trainer.passes = NoPasses(trainer.trainer.decoder)
        if profile:
            profile.enable()
        trainer.train()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if profile:
            profile.disable()
    each = [after - before for before, after in itertools.pairwise(times[1:])]
    last = each[-max(1, steps // 3) :]
    plan = trainer.resolved.memory_plan
    return {
        "used": trainer.resolved.optimizer(optimizer),
        "median_ms": round(1000 * statistics.median(each), 1),
        "last_ms": round(1000 * statistics.mean(last), 1),
        "first_step_s": round(times[1] - times[0], 2),
        "steps_s": round(times[-1] - times[0], 2),
        "tokens_a_step": round(sum(items.lengths) / len(items) * examples),
        "micro_batch_tokens": plan.micro_batch_tokens if plan else None,
        "planned_ms": round(1000 * plan.step_seconds, 1) if plan else None,
    }


def main() -> None:
    """Measure each optimizer and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizers", nargs="+", default=["adamw_torch_fused", "adamw_bnb_8bit"])
    parser.add_argument("--examples", type=int, default=40, help="of a step")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--tiny", action="store_true", help="a model of two layers, 4 examples a step")
    parser.add_argument("--narrow", action="store_true", help="30 layers of a width of 16: the host's cost of a step")
    parser.add_argument("--profile", action="store_true", help="where the host's time goes, to stderr")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.steps < FEWEST_STEPS or given.examples < 1:
        parser.error(f"--steps begins at {FEWEST_STEPS}, --examples at 1")
    shape, examples = "narrow" if given.narrow else "smollm2_135m", given.examples
    if given.tiny:
        shape, examples = "tiny", min(examples, 4)
    for optimizer in given.optimizers:
        line = {"benchmark": "optimizer_waits", "shape": shape, "optimizer": optimizer, "examples_a_step": examples}
        line |= {"steps": given.steps} | measure(shape, optimizer, examples, given.steps, None)
        print_line(line | measured_at(), given.out)
        if given.profile:
            profile, text = cProfile.Profile(), io.StringIO()
            measure(shape, optimizer, examples, given.steps, profile)
            for key in ("tottime", "cumulative"):
                pstats.Stats(profile, stream=text).sort_stats(key).print_stats(ROWS)
            print(text.getvalue(), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
