"""Measuring this machine for the planner: rates of products over their rows, bandwidth, and the cost of a call."""

import time
from collections.abc import Callable

import torch

from ..models.compute import resolve_compute
from ..planner.constants import TIME
from ..planner.devices import Device
from ..planner.machine import cpu_name

_ROWS = (256, 1024, 4096, 16384)
_CPU_ROWS = (64, 256, 1024)
_SECONDS = 2.0  # a measurement; the whole takes at most a minute


def machine_memory_bytes() -> int:
    """Return the memory that training can use: the GPU's, or the machine's where there is no GPU."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return int(psutil.virtual_memory().total)


def measure_machine() -> Device:
    """Return this machine as a card: its rates are those that it reaches, so `product_share` is 1.

    Products are those of a 3B model's MLP (3,072 by 8,192) on a GPU, of a 135M model's on a CPU. Their time is fitted
    as `a rows + b`: `a` gives the rate of endless products, `b / a` the rows at which half of it is reached.
    """
    compute = resolve_compute("bf16")
    on_gpu = compute.device == "cuda"
    width, inner = (3072, 8192) if on_gpu else (576, 1536)
    weight = torch.ones(inner, width, dtype=compute.torch_dtype, device=compute.device)
    times = []
    rows = _ROWS if on_gpu else _CPU_ROWS
    for count in rows:
        states = torch.ones(count, width, dtype=compute.torch_dtype, device=compute.device)
        times.append(_best_seconds(lambda x=states: torch.nn.functional.linear(x, weight), on_gpu))  # type: ignore[misc]
    slope = (times[-1] - times[0]) / (rows[-1] - rows[0])
    rest = max(0.0, times[-1] - slope * rows[-1])
    large = torch.ones((256 if on_gpu else 32) << 20, dtype=torch.uint8, device=compute.device)
    target = torch.empty_like(large)
    copied = _best_seconds(lambda: target.copy_(large), on_gpu)
    tiny = torch.ones(1, device=compute.device)
    return Device(
        name=torch.cuda.get_device_name() if on_gpu else cpu_name(),
        memory_bytes=machine_memory_bytes(),
        bandwidth=2 * large.numel() / copied / 0.65,  # the planner counts on a share of what cards promise
        flops=2 * width * inner / slope,
        bf16=compute.dtype == "bf16",
        source=f"measured here, {compute.dtype}",
        measured=True,
        product_share=1.0,
        product_half=rest / slope,
        launch=_call_seconds(tiny),
        # On a CPU every product is about as fast; on a GPU small ones lag as on the card that was measured.
        attention_share=TIME.attention_share / TIME.product_share if on_gpu else 0.5,
        adapter_share=TIME.adapter_share / TIME.product_share if on_gpu else 0.5,
        cpu=not on_gpu,
        float8=on_gpu and torch.cuda.get_device_capability() >= (8, 9),
    )


def _best_seconds(run: Callable[[], object], on_gpu: bool) -> float:
    """Return the shortest time of a call among those of two seconds, the first left out."""
    run()
    best, until = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        if on_gpu:
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if on_gpu:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def _call_seconds(x: torch.Tensor, calls: int = 2000) -> float:
    """Return what Python and the library take for one operation on next to nothing."""
    start = time.perf_counter()
    for _ in range(calls):
        x.add_(1)
    return (time.perf_counter() - start) / calls
