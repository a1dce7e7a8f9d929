"""Time a step of refining on random weights in a model's exact shape: drawing, rewards, update. One JSON line.

    python benchmarks/refine_step.py smollm2_135m --dialogues 128 --samples 8
    python benchmarks/refine_step.py llama_3.2_3b --nf4 --dialogues 64 --samples 8 --new 40 --rows 128 --tokens 4096
    python benchmarks/refine_step.py llama_3.2_3b --nf4 --dialogues 64 --samples 8 --new 40 --planned 24

With `--planned GB` rows and micro-batches are those that `yoyak refine` would choose within so many GB (0: the card).
Adapters of rank 16 in bf16. Prompts are random ids of mean length 285, each summary has exactly `--new` tokens, and the
texts that are rewarded have as many words as real ones. The step is the median of five after two that compile and
capture.
"""

import argparse
import json
import random
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from plan_models import quantize
from random_checkpoint import SHAPES, random_model, with_random_adapter

from src.config.loader import load_config
from src.config.schema import Config
from src.models.compute import resolve_compute
from src.training.engine import EngineChoice
from src.training.refine.figures import Written
from src.training.refine.memory import GroupLengths, drawing_rows, update_settings
from src.training.refine.refiner import RefineExample, Refiner
from src.training.refine.reward import Rewarder, RewardRule
from src.training.state.resolved import Resolved, resolve

WORDS = [f"word{number}" for number in range(500)]
RULE = RewardRule("rouge_sum", "word", True, 20.0)


class TimedRefiner(Refiner):
    """A refiner whose summaries are random words: random weights write no text."""

    def _written(self, ids: list[int]) -> Written:
        return Written(ids, summary_of(ids), True)


def main() -> None:
    """Build the model, make seven steps, print the figures of the last five."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_work(parser)
    parser.add_argument("--nf4", action="store_true")
    parser.add_argument("--rows", type=int, default=1024, help="summaries drawn at a time")
    parser.add_argument("--tokens", type=int, default=8192, help="of a micro-batch of the update")
    parser.add_argument("--recompute", action="store_true", help="keep no activations")
    parser.add_argument("--planned", type=float, metavar="GB", help="let the planner choose rows and micro-batches")
    given = parser.parse_args()
    work = examples_of(given)
    mean = round(sum(len(one.prompt) for one in work) / len(work), 1)
    figures = step_figures(given, work)
    print(json.dumps({"device": device_name(), "torch": torch.__version__, **vars(given), "mean_prompt": mean,
                      **figures}))  # fmt: skip


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add what a step is of: the model's shape and the sizes."""
    parser.add_argument("shape", choices=[*SHAPES])
    parser.add_argument("--dialogues", type=int, default=128)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--new", type=int, default=40)


def step_figures(given: argparse.Namespace, work: list[RefineExample]) -> dict[str, float | None]:
    """Return the medians of five steps after two, and the peak of the memory."""
    model = adapted_model(given.shape, given.nf4)
    overrides = [f"refine.dialogues={given.dialogues}", f"refine.samples={given.samples}"]
    overrides += [f"tokenizer.decoder_max_len={given.new}", f"lora.use_qlora={str(given.nf4).lower()}"]
    config = load_config("smollm2_135m", overrides)
    end = model.config.vocab_size  # is never drawn
    prompt: Any = SimpleNamespace(end_id=end, decoder_max_len=given.new)
    with Rewarder(RULE) as rewarder:
        if given.planned is None:
            resolved = Resolved(
                resolve_compute("bf16"), EngineChoice("packed", "timed", given.tokens), given.nf4, False
            )
        else:
            resolved = planned(given, model, work, config)
        refiner = TimedRefiner(model, None, prompt, work, config, rewarder, resolved, given.rows)
        if given.recompute:
            refiner.decoder.kept_layers, refiner.decoder.keeps_inputs = 0, False
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()  # quantizing took more
        steps = [refiner.train_step() for _ in range(7)][2:]
    return medians(steps)


def planned(given: argparse.Namespace, model: Any, work: list[RefineExample], config: Config) -> Resolved:
    """Return what `yoyak refine` would decide for these examples; `given` gets its rows and tokens."""
    config.training.memory_budget_gb = given.planned or None
    given.rows, left = drawing_rows(model, config, work, [])
    resolved = resolve(update_settings(config, left), model, GroupLengths.of(work, config))
    plan = resolved.memory_plan
    given.tokens = plan.micro_batch_tokens if plan else resolved.engine.micro_batch_tokens
    given.kept_layers, given.keeps_inputs = (plan.kept_layers, plan.keeps_inputs) if plan else (None, None)
    return resolved


def adapted_model(shape: str, nf4: bool = False) -> Any:
    """Return a model of random weights with an adapter that trains."""
    model = random_model(shape)
    if nf4:
        quantize(model)
    model = with_random_adapter(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
    return model


def medians(steps: list[dict[str, float]]) -> dict[str, float | None]:
    """Return the medians of some steps' seconds, and the peak of the GPU's memory."""
    names = ("seconds", "drawing_seconds", "reward_seconds")
    peak = round(torch.cuda.max_memory_allocated() / 1e9, 2) if torch.cuda.is_available() else None
    return {name: round(statistics.median(step[name] for step in steps), 3) for name in names} | {"peak_gb": peak}


def device_name() -> str:
    """Return the GPU's name, or "cpu"."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def examples_of(given: argparse.Namespace) -> list[RefineExample]:
    """Return the dialogues of a step, each with a prompt of random ids and texts of random words."""
    source, vocabulary = random.Random(0), int(SHAPES[given.shape]["vocab_size"])
    lengths = [min(900, max(60, round(source.lognormvariate(5.57, 0.4)))) for _ in range(given.dialogues)]
    reference = [2] * given.new
    return [RefineExample(text(source, 150), ids(source, vocabulary, n), text(source, 25), reference) for n in lengths]


def summary_of(ids: list[int]) -> str:
    """Return the words that stand for what random weights wrote."""
    return text(random.Random(sum(ids)), 25)


def ids(source: random.Random, vocabulary: int, count: int) -> list[int]:
    """Return random ids."""
    return [source.randrange(vocabulary) for _ in range(count)]


def text(source: random.Random, count: int) -> str:
    """Return random words."""
    return " ".join(source.choices(WORDS, k=count))


if __name__ == "__main__":
    main()
