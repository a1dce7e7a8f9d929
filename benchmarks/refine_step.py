"""Time a step of refining on random weights in a model's exact shape: drawing, rewards, update. One JSON line.

    python benchmarks/refine_step.py smollm2_135m --dialogues 128 --samples 8
    python benchmarks/refine_step.py llama_3.2_3b --nf4 --dialogues 64 --samples 8 --new 40 --rows 128 --tokens 4096

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
from src.models.compute import resolve_compute
from src.training.engine import EngineChoice
from src.training.refine.figures import Written
from src.training.refine.refiner import RefineExample, Refiner
from src.training.refine.reward import Rewarder, RewardRule
from src.training.state.resolved import Resolved

WORDS = [f"word{number}" for number in range(500)]


class TimedRefiner(Refiner):
    """A refiner whose summaries are random words: random weights write no text."""

    def _written(self, ids: list[int]) -> Written:
        source = random.Random(sum(ids))
        return Written(ids, " ".join(source.choices(WORDS, k=25)), True)


def main() -> None:
    """Build the model, make seven steps, print the figures of the last five."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=[*SHAPES])
    parser.add_argument("--nf4", action="store_true")
    parser.add_argument("--dialogues", type=int, default=128)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--new", type=int, default=40)
    parser.add_argument("--rows", type=int, default=1024, help="summaries drawn at a time")
    parser.add_argument("--tokens", type=int, default=8192, help="of a micro-batch of the update")
    parser.add_argument("--recompute", action="store_true", help="keep no activations")
    given = parser.parse_args()
    model = random_model(given.shape)
    if given.nf4:
        quantize(model)
    model = with_random_adapter(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
    overrides = [f"refine.dialogues={given.dialogues}", f"refine.samples={given.samples}"]
    config = load_config("smollm2_135m", overrides)
    source = random.Random(0)
    vocabulary = model.config.vocab_size
    lengths = [min(900, max(60, round(source.lognormvariate(5.57, 0.4)))) for _ in range(given.dialogues)]
    examples = [RefineExample(text(source, 150), ids(source, vocabulary, n), text(source, 25), [2]) for n in lengths]
    prompt: Any = SimpleNamespace(end_id=vocabulary, decoder_max_len=given.new)  # an end that is never drawn
    with Rewarder(RewardRule("rouge_sum", "word", True, 20.0)) as rewarder:
        resolved = Resolved(resolve_compute("bf16"), EngineChoice("packed", "timed", given.tokens), given.nf4, False)
        refiner = TimedRefiner(model, None, prompt, examples, config, rewarder, resolved, given.rows)
        if given.recompute:
            refiner.decoder.kept_layers, refiner.decoder.keeps_inputs = 0, False
        steps = [refiner.train_step() for _ in range(7)][2:]
    names = ("seconds", "drawing_seconds", "reward_seconds")
    figures = {name: round(statistics.median(step[name] for step in steps), 3) for name in names}
    peak = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    mean = round(sum(lengths) / len(lengths), 1)
    print(json.dumps({"device": device, "torch": torch.__version__, **vars(given), "mean_prompt": mean, **figures,
                      "peak_gb": peak and round(peak, 2)}))  # fmt: skip


def ids(source: random.Random, vocabulary: int, count: int) -> list[int]:
    """Return random ids."""
    return [source.randrange(vocabulary) for _ in range(count)]


def text(source: random.Random, count: int) -> str:
    """Return random words."""
    return " ".join(source.choices(WORDS, k=count))


if __name__ == "__main__":
    main()
