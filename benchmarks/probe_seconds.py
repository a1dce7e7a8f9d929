"""What the probe at a run's start costs: training's engine, the loss with its head, and what generates.

    python benchmarks/probe_seconds.py [--checkpoint bundled:smollm2-135m] [--compute bf16] [--threads 2] [--repeat 3]
        [--no-qlora] [--parts training loss generation]

Loads the checkpoint with a new adapter as a run does, and probes it as a run that also generates. Prints one JSON line:
of each part, and of all together with what is around them, seconds by the clock and of the processors. `first` is what
a run pays, `again` the least of some repetitions in the same process, with all that is known of the model forgotten.
`layers` are the decoder's layers, made once for training and generating and not the probe's: `all` is without them.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from src.commands.console import quiet_libraries
from src.config import load_config
from src.decoder.decoder_obstacle import decoder_obstacle
from src.decoder.model_layers import decoder_layers
from src.inference.probe import generates_fast
from src.models import causal_head
from src.models.compute import ComputeChoice
from src.models.lora_loader import LoRALoader
from src.models.probe import LENGTHS, found_by_probes, probes_of, untouched
from src.training.probe import probe

PARTS: dict[str, Callable[[Any], Any]] = {
    "training": lambda model: probe(model, "packed"),
    "loss": lambda model: probe(model, "trainer"),
    "generation": generates_fast,
}


@contextmanager
def timed(found: dict[str, dict[str, float]], part: str) -> Iterator[None]:
    """Note the seconds of a part by the clock (`wall`) and of this process (`cpu`)."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    found[part] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def seconds_of(model: Any, parts: list[str]) -> dict[str, dict[str, float]]:
    """Return the seconds of each part and of all."""
    found: dict[str, dict[str, float]] = {}
    with timed(found, "all"), untouched(model):
        for part in parts:
            with timed(found, part):
                PARTS[part](model)
    return found


def forget(model: Any) -> None:
    """Let the next probes begin anew."""
    probes_of(model).clear()
    causal_head._KINDS.clear()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="bundled:smollm2-135m")
    parser.add_argument("--compute", default="bf16", choices=["bf16", "fp32"], help="on a CPU")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="further times in this process")
    parser.add_argument("--no-qlora", action="store_true", help="frozen weights in the compute type")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    arguments = parser.parse_args()
    quiet_libraries()
    torch.set_num_threads(arguments.threads)
    config = load_config("quickstart", [f"model.checkpoint={arguments.checkpoint}", f"model.dtype={arguments.compute}"])
    compute = ComputeChoice("cpu", arguments.compute, "asked for", arguments.threads)
    loader = LoRALoader(config, compute=None if torch.cuda.is_available() else compute)
    model = loader.load_model_and_tokenizer(use_lora=True, use_qlora=not arguments.no_qlora)[0]
    layers: dict[str, dict[str, float]] = {}
    if decoder_obstacle(model) is None:
        with timed(layers, "layers"):
            decoder_layers(model.get_base_model())
    first = seconds_of(model, arguments.parts)
    again = []
    for _ in range(arguments.repeat):
        forget(model)
        again.append(seconds_of(model, arguments.parts))
    least = {
        part: {clock: min(one[part][clock] for one in again) for clock in clocks} for part, clocks in first.items()
    }
    weight = model.get_input_embeddings().weight
    line = {
        "checkpoint": arguments.checkpoint,
        "device": torch.cuda.get_device_name() if weight.is_cuda else "cpu",
        "compute": str(weight.dtype).removeprefix("torch."),
        "four_bit": not arguments.no_qlora,
        "threads": torch.get_num_threads(),
        "tokens": [tokens for tokens, _ in LENGTHS[weight.device.type]],
        **layers,
        "first": first,
        "again": least if again else None,
        "found": found_by_probes(model),
    }
    print(json.dumps(line, default=float))


if __name__ == "__main__":
    main()
