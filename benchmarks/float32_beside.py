"""How far right and wrong engines are from float32 in 16 bit, beside the model's own `forward`: the probe's last word.

    python benchmarks/float32_beside.py [--checkpoint bundled:gemma3-270m ...] [--draws 3] [--dtype bf16]

For random models of each architecture (2 and 12 layers, with and without adapters) and for checkpoints, whatever the
probe's bounds say: the distance of gradients and logits from the model's own in float32, of the engine as it is, of it
with each fault of `probe_bounds.py`, and of the model's own `forward`. Prints one JSON line: of right ones the largest
times their distance is the own one's, the largest distance and the furthest factor from 1, how many would be refused,
and which wrong ones would pass; and each reading.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from probe_bounds import DTYPES, FAULTS, _patched, random_models

from src.commands.console import quiet_libraries
from src.config import load_config
from src.decoder.cached_decoder import CachedDecoder
from src.inference.probe import probe_cached
from src.models import probe as shared
from src.models import probe_result
from src.models.autocast import autocast
from src.models.in_float32 import FromFloat32, float32_fits, is_rounding
from src.models.lora_loader import LoRALoader
from src.models.probe_result import Probe
from src.training.probe import probe_packed

GENERATION_FAULTS = {
    "logits_at_nine_tenths": (CachedDecoder, "logits", lambda right, self, hidden: 0.9 * right(self, hidden))
}


def readings(model: Any, what: str, draws: int) -> Iterator[dict[str, Any]]:
    """Yield what right and wrong engines are from float32, for each draw of tokens."""
    seen: list[tuple[FromFloat32, FromFloat32]] = []
    judge = is_rounding

    def judged(ours: FromFloat32, own: FromFloat32) -> bool:
        seen.append((ours, own))
        return judge(ours, own)

    def reading(kind: str, probe: Callable[[Any], Probe], fault: str | None) -> dict[str, Any]:
        model.zero_grad(set_to_none=True)
        found = probe(model)
        ours, own = seen.pop()
        return {
            "model": what, "draw": draw, "probe": kind, "fault": fault, "error": found.error, "agrees": found.agrees,
            "ours": vars(ours), "own": vars(own), "seconds": round(found.seconds, 2),
            "loss": abs(found.loss / found.own_loss - 1),
        }  # fmt: skip

    probe_result.is_rounding = judged  # type: ignore[attr-defined]
    shared.BOUNDS = {dtype: (loss, 0.0) for dtype, (loss, _) in shared.BOUNDS.items()}  # float32 is asked always
    kinds: dict[str, tuple[Callable[[Any], Probe], dict[str, Any]]] = {
        "training": (probe_packed, FAULTS),
        "generation": (probe_cached, GENERATION_FAULTS),
    }
    if not float32_fits(model):
        raise SystemExit(f"{what}: not in 16 bit, or too little memory for its weights in float32")
    with shared.untouched(model), autocast(model):
        for draw in range(draws):
            for kind, (probe, faults) in kinds.items():
                for name, fault in {None: None, **faults}.items():
                    if name == "adapters_at_half" and not hasattr(model, "peft_config"):
                        continue
                    with shared._other_tokens(model, draw), _patched(*fault) if fault else nullcontext():
                        yield reading(kind, probe, name)


def checkpoint_model(checkpoint: str, dtype: str) -> Any:
    """Return a checkpoint with a new adapter."""
    overrides = [f"model.checkpoint={checkpoint}", f"model.dtype={dtype}", "dataset.format_type=instruction"]
    return LoRALoader(load_config("quickstart", overrides)).load_model_and_tokenizer(True, False)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", nargs="*", default=["bundled:smollm2-135m", "bundled:gemma3-270m"])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "fp16"])
    parser.add_argument("--random", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    quiet_libraries()
    models: list[Iterator[tuple[str, Any]]] = []
    if arguments.random:
        models.append(random_models(DTYPES[arguments.dtype]))
    models.append((name, checkpoint_model(name, arguments.dtype)) for name in arguments.checkpoint)
    found: list[dict[str, Any]] = []
    for some in models:
        for what, model in some:
            for one in readings(model, what, arguments.draws):
                found.append(one)
                print(one, file=sys.stderr)
    right = [one for one in found if one["fault"] is None]
    wrong = [one for one in found if one["fault"] is not None]
    summary = {
        "times_own": max(one["ours"]["distance"] / one["own"]["distance"] for one in right),
        "distance": max(one["ours"]["distance"] for one in right),
        "factor": max(abs(one["ours"]["factor"] - 1) for one in right),
        "right": len(right),
        "refused_though_right": sum(not one["agrees"] for one in right),
        "wrong": len(wrong),
        "missed": [f"{one['model']}, draw {one['draw']}: {one['fault']}" for one in wrong if one["agrees"]],
    }
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    print(json.dumps({"device": device, "dtype": arguments.dtype, **summary, "readings": found}))


if __name__ == "__main__":
    main()
