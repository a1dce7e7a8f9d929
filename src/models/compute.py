"""The compute type and device of a run: chosen in one place, by what the machine does best, and said."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..bilingual import Text
from ..files import write_atomic
from ..planner.machine import cpu_name
from ..resources import yoyak_home

if TYPE_CHECKING:
    import torch

DtypeName = Literal["bf16", "fp16", "fp32"]
BESIDE_A_GPU = 1
"""Threads of torch's on the processor of a run on a GPU."""
_CUDA_OPTIMIZERS = ("paged_adamw_32bit", "paged_adamw_8bit", "adamw_bnb_8bit")
_PRODUCT_SHAPE = (512, 1536, 1536)  # rows of a micro-batch, then a layer's width: small enough for a third of a second
_TIMED_SECONDS = 0.1


@dataclass(frozen=True)
class ComputeChoice:
    """What a run computes in.

    `dtype` is the type of the frozen base model and, by autocast, of all matrix products; trained weights and their
    optimizer states are float32 except in full bf16 fine-tuning. fp16 is trained with a gradient scaler.
    """

    device: Literal["cuda", "cpu"]
    dtype: DtypeName
    reason: str
    threads: int

    def optimizer(self, wanted: str) -> str:
        """Return the optimizer that runs here in place of `wanted`: paged and 8-bit ones need CUDA."""
        return "adamw_torch" if self.device == "cpu" and wanted in _CUDA_OPTIMIZERS else wanted

    @property
    def torch_dtype(self) -> "torch.dtype":
        """Return the type as torch names it."""
        import torch

        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[self.dtype]


def resolve_compute(wanted: DtypeName) -> ComputeChoice:
    """Choose device and compute type: the config's wish on a GPU that has it, what was measured faster on a CPU.

    Beside a GPU this process is left with one thread for what torch computes on the processor: a step's tokens, which
    are copied together. With one a core, each copy waits for all of them, and they spin until the next: of two searches
    and a refining on a host of 64 cores each search kept 14 of them busy.
    """
    import torch

    if torch.cuda.is_available():
        torch.set_num_threads(BESIDE_A_GPU)
        threads = BESIDE_A_GPU
        name = torch.cuda.get_device_name()
        if wanted == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
            english = f"{name} has no bf16: fp16 with a gradient scaler"
            why = Text(english, f"{name}: bf16이 없어 그래디언트 스케일러로 fp16")
            return ComputeChoice("cuda", "fp16", why, threads)
        why = Text(f"as configured, on {name}", f"설정대로, {name}")
        if wanted == "fp16":
            english = f"as configured with a gradient scaler, on {name}"
            why = Text(english, f"설정대로, 그래디언트 스케일러와 함께, {name}")
        return ComputeChoice("cuda", wanted, why, threads)
    threads = torch.get_num_threads()
    rates = cpu_product_rates()
    found = f"fp32 {rates['fp32']:.0f}, bf16 {rates['bf16']:.0f} GFLOP/s"
    measured = Text(f"measured on this CPU: {found}", f"이 CPU에서 잰 속도: {found}")
    dtype: DtypeName = "bf16" if rates["bf16"] > 1.2 * rates["fp32"] and wanted != "fp32" else "fp32"
    return ComputeChoice("cpu", dtype, measured, threads)


def measure_product_rate(dtype: "torch.dtype", seconds: float = _TIMED_SECONDS) -> float:
    """Return the rate of matrix products of a micro-batch's size on this CPU, in FLOP/s (best of the timed ones)."""
    import torch

    rows, inner, columns = _PRODUCT_SHAPE
    left = torch.ones(rows, inner, dtype=dtype)  # not random: the run's seeded numbers are not ours to draw
    right = torch.ones(columns, inner, dtype=dtype)
    best = float("inf")
    torch.nn.functional.linear(left, right)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        torch.nn.functional.linear(left, right)
        best = min(best, time.perf_counter() - start)
    return 2 * rows * inner * columns / best


def cpu_product_rates() -> dict[str, float]:
    """Return this CPU's matrix product rates in GFLOP/s by type: the best that any process here has measured.

    Others' work only ever makes a measurement too low. So each process measures once, and the larger rate of each type
    is kept in `$YOYAK_HOME`: what was measured on a busy machine stays until the next start at rest.
    """
    import torch

    key = f"{cpu_name()} / torch {torch.__version__} / {torch.get_num_threads()} threads"
    path = yoyak_home() / "cpu_rates.json"
    kept = _kept(path)
    known = kept.get(key, {})
    best = {name: max(rate, known.get(name, 0.0)) for name, rate in _measured(key).items()}
    if best != known:
        with suppress(OSError):  # without a cache folder each process has its own measurement
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, json.dumps(kept | {key: best}, indent=1))
    return best


def _kept(path: Path) -> dict[str, dict[str, float]]:
    """Return the rates in a file by processor, those that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: {name: float(rate) for name, rate in rates.items() if isfinite(rate)} for key, rates in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


@cache
def _measured(machine: str) -> dict[str, float]:
    """Measure once a process, also where nothing can be kept."""
    import torch

    types = {"fp32": torch.float32, "bf16": torch.bfloat16}
    return {name: round(measure_product_rate(dtype) / 1e9, 1) for name, dtype in types.items()}
