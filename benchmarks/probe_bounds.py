"""How far engines that are right, and some that are wrong, are from the model's own `forward`: the probe's bounds.

    python benchmarks/probe_bounds.py [--checkpoint FOLDER_OR_bundled:NAME ...] [--dtypes fp32 bf16 fp16]

For random models of each architecture (2 and 12 layers, with and without adapters), and for checkpoints in 16 bit and
in 4 bit, the probe's relative differences of loss, gradients and logits, on this machine's GPU where it has one; then
the same with a fault in the engine. Prints one JSON line: the largest of what is right and the smallest of what is
wrong by compute type, beside the bounds in use, and each reading.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from src.architectures import ARCHITECTURES
from src.commands.console import quiet_libraries
from src.config import load_config
from src.decoder.adapter_buffers import Refresh
from src.decoder.packed_decoder import PackedDecoder
from src.inference.probe import probe_cached
from src.kernels.float8 import float8_obstacle
from src.models.autocast import autocast
from src.models.lora_loader import LoRALoader
from src.models.probe import BOUNDS, FLOAT8_BOUNDS, untouched
from src.models.probe_result import Probe
from src.tests.packed_models import adapted_model
from src.training.probe import probe_loss, probe_packed

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LAYERS, WIDTH = (2, 12), 256


@contextmanager
def _patched(owner: Any, name: str, changed: Callable[..., Any]) -> Iterator[None]:
    right = getattr(owner, name)
    setattr(owner, name, lambda *a, **k: changed(right, *a, **k))
    try:
        yield
    finally:
        setattr(owner, name, right)


def _scaled(right: Any, self: Any, linears: Any) -> None:
    right(self, linears)
    self._scaling = [0.5 * scaling for scaling in self._scaling]


FAULTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "adapters_at_half": (Refresh, "__init__", _scaled),
    "half_the_gradient_of_layers": (
        PackedDecoder, "run_layers_back", lambda right, self, grad, *a: right(self, 0.5 * grad, *a)
    ),
    "head_at_nine_tenths": (
        PackedDecoder, "head_gradient", lambda right, self, last, *a: right(self, 0.9 * last, *a)
    ),
}  # fmt: skip


def readings(model: Any, what: str, dtype: str) -> Iterator[dict[str, Any]]:
    """Yield the probe's figures of a model, right and with each fault."""

    def reading(found: Probe, kind: str, fault: str | None = None) -> dict[str, Any]:
        loss = abs(found.loss - found.own_loss) / max(abs(found.own_loss), 0.1)
        return {
            "model": what, "dtype": dtype, "probe": kind, "fault": fault, "loss": loss, "error": found.error,
            "agrees": found.agrees, "seconds": round(found.seconds, 3),
        }  # fmt: skip

    with untouched(model), autocast(model):
        yield reading(probe_loss(model), "loss")
        yield reading(probe_cached(model), "generation")
        if dtype == "fp16":  # trained by the other engine
            return
        yield reading(probe_packed(model), "training")
        if not float8_obstacle(torch.device(DEVICE), DTYPES[dtype]) and hasattr(model, "peft_config"):
            model.zero_grad(set_to_none=True)
            yield reading(probe_packed(model, float8=True), "float8")
        for name, fault in FAULTS.items():
            if name != "adapters_at_half" or hasattr(model, "peft_config"):
                with _patched(*fault):
                    model.zero_grad(set_to_none=True)
                    yield reading(probe_packed(model), "training", name)


def random_models(dtype: torch.dtype) -> Iterator[tuple[str, Any]]:
    """Yield models of each architecture with random weights."""
    for family in ARCHITECTURES:
        for layers in LAYERS:
            for lora in ({}, None):
                sizes = {"hidden_size": WIDTH, "intermediate_size": 3 * WIDTH, "num_hidden_layers": layers}
                model = adapted_model(family, torch.float32, lora, **sizes, head_dim=64, vocab_size=1024)
                with torch.no_grad():
                    for name, p in model.named_parameters():
                        if p.ndim == 2:
                            p.mul_((p.shape[1] ** -0.5) / 0.2)  # as if trained: outputs as large as inputs
                        if "lora_B" in name:
                            p.zero_()  # as a new adapter's, for which the probe puts random ones
                        if "lora_" not in name:
                            p.data = p.data.to(dtype)
                yield f"{family}, {layers} layers, {'adapted' if lora is not None else 'whole'}", model.to(DEVICE)


def checkpoint_model(checkpoint: str, dtype: str, use_qlora: bool) -> Any:
    """Return a checkpoint with a new adapter."""
    config = load_config("quickstart", [f"model.checkpoint={checkpoint}", f"model.dtype={dtype}"])
    return LoRALoader(config).load_model_and_tokenizer(True, use_qlora)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", nargs="*", default=["bundled:smollm2-135m"])
    parser.add_argument("--dtypes", nargs="*", default=list(DTYPES), choices=list(DTYPES))
    arguments = parser.parse_args()
    quiet_libraries()
    found: list[dict[str, Any]] = []
    for dtype in arguments.dtypes:
        for what, model in random_models(DTYPES[dtype]):
            found += readings(model, what, dtype)
        for checkpoint in arguments.checkpoint:
            for use_qlora in (False, True):
                model = checkpoint_model(checkpoint, dtype, use_qlora)
                found += readings(model, f"{checkpoint}, {'4 bit' if use_qlora else 'not quantized'}", dtype)
    summary: dict[str, Any] = {}
    for dtype in arguments.dtypes:
        float8 = [one for one in found if one["dtype"] == dtype and one["probe"] == "float8"]
        right = [one for one in found if one["dtype"] == dtype and not one["fault"] and one not in float8]
        wrong = [one for one in found if one["dtype"] == dtype and one["fault"]]
        loss, error = BOUNDS[DTYPES[dtype]]
        summary[dtype] = {
            "right_loss": max(one["loss"] for one in right),
            "right_error": max(one["error"] or 0.0 for one in right),
            "float8_loss": max((one["loss"] for one in float8), default=None),
            "float8_error": max((one["error"] for one in float8), default=None),
            "wrong_error_least": min((one["error"] for one in wrong), default=None),
            "refused_though_right": sum(not one["agrees"] for one in right),
            "missed": [f"{one['model']}: {one['fault']}" for one in wrong if one["agrees"]],
            "bounds": {"loss": loss, "error": error},
        }
    device = torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu"
    print(json.dumps({"device": device, "float8_bounds": FLOAT8_BOUNDS, "by_dtype": summary, "readings": found}))


if __name__ == "__main__":
    main()
