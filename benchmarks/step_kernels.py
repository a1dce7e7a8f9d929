"""The kernels of a profiled training step of the packed engine, sorted into parts by their names and places."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PARTS = (
    "frozen",
    "adapters",
    "attention",
    "elementwise",
    "dequantization",
    "head_loss",
    "optimizer",
    "copies",
    "rest",
)
# Ours, by the names of the functions in src/kernels/cuda.
OURS = {
    "attention": ("attend_forward", "attend_backward_queries", "attend_backward_keys"),
    "elementwise": (
        *("_norm_forward", "_norm_backward", "_swiglu_forward", "_swiglu_backward", "_rotate", "_rotate_back"),
        *("_drop", "_add_product", "_partial_sums"),
    ),
    "dequantization": ("_dequantize",),
    "head_loss": ("_cross_entropy",),
}
_BY_NAME = {name: part for part, names in OURS.items() for name in names}
_SUM_OF_SPLITS = re.compile(r"splitk?reduce", re.IGNORECASE)
_PRODUCT = re.compile(r"gemm|nvjet|cutlass|xmma|gemv|splitk", re.IGNORECASE)
_OPTIMIZER = re.compile(r"multi_tensor_apply|FusedAdam|NormTwoOps")
_COPY = re.compile(r"^Mem(cpy|set)|copy|FillFunctor|CatArray")
_PASS = re.compile(r"elementwise_kernel|reduce_kernel")
_ROTARY = re.compile(r"cos_kernel")  # torch's cosine of the positions' angles, once a micro-batch, right at its begin


@dataclass(frozen=True)
class Kernel:
    """A kernel, or a copy, as it ran: its name, begin and end in microseconds."""

    name: str
    begin: float
    end: float

    @property
    def duration(self) -> float:
        """Return its microseconds."""
        return self.end - self.begin


@dataclass(frozen=True)
class SortedKernel:
    """A kernel with its part."""

    kernel: Kernel
    part: str


def read_trace(path: Path) -> list[Kernel]:
    """Return what ran on the GPU, in order, from a file of `torch.profiler`'s `export_chrome_trace`."""
    events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    kinds = ("kernel", "gpu_memcpy", "gpu_memset")
    found = [
        Kernel(event["name"], float(event["ts"]), float(event["ts"]) + float(event["dur"]))
        for event in events
        if event.get("ph") == "X" and event.get("cat") in kinds
    ]
    return sorted(found, key=lambda kernel: kernel.begin)


def micro_batches(kernels: Sequence[Kernel]) -> list[list[Kernel]]:
    """Return the kernels of each micro-batch: from the cosines of its positions to those of the next.

    What comes before the first is left out. What lies between two steps is with the last micro-batch of the first.
    """
    begins = [index for index, kernel in enumerate(kernels) if _ROTARY.search(kernel.name)]
    return [list(kernels[begin:end]) for begin, end in zip(begins, [*begins[1:], len(kernels)], strict=True)]


def sorted_micro_batch(kernels: Sequence[Kernel], frozen: int, last: bool) -> list[SortedKernel]:
    """Return a micro-batch's kernels with their parts.

    Products have names of cuBLAS, which tell nothing of what they are for. There are `frozen` products with frozen
    weights and the head; they have 64 times the operations of an adapter's and more, so that they are the ones that
    took longest. Sums of a product's splits count with the product before them.

    Args:
        kernels: from `micro_batches`.
        frozen: how many products it has with frozen weights and the head, see `step_counts.frozen_kernels`.
        last: whether it is its step's last one: torch's passes after its last norm are the optimizer's and clipping.

    Raises:
        ValueError: it has fewer products.
    """
    products = [index for index, kernel in enumerate(kernels) if _is_product(kernel.name)]
    if len(products) < frozen:
        raise ValueError(f"{len(products)} products in a micro-batch that must have {frozen} with frozen weights")
    largest = set(sorted(products, key=lambda index: -kernels[index].duration)[:frozen])
    norms = [index for index, kernel in enumerate(kernels) if _plain(kernel.name) == "_norm_backward"]
    passes_end = max(norms, default=len(kernels)) if last else len(kernels)
    found: list[SortedKernel] = []
    product = "rest"
    for index, kernel in enumerate(kernels):
        if _is_product(kernel.name):
            part = product = "frozen" if index in largest else "adapters"
        elif _SUM_OF_SPLITS.search(kernel.name):
            part = product
        else:
            part = _part_of(kernel.name, ended=index > passes_end)
        found.append(SortedKernel(kernel, part))
    return found


def _part_of(name: str, ended: bool) -> str:
    """Return the part of a kernel that is no product; `ended` tells that the step's layers are done."""
    if _plain(name) in _BY_NAME:
        return _BY_NAME[_plain(name)]
    if _OPTIMIZER.search(name):
        return "optimizer"
    if _COPY.search(name):
        return "copies"
    if _PASS.search(name):
        return "optimizer" if ended else "elementwise"
    return "rest"


def _is_product(name: str) -> bool:
    return bool(_PRODUCT.search(name)) and not _SUM_OF_SPLITS.search(name) and _plain(name) not in _BY_NAME


def _plain(name: str) -> str:
    """Return the name of a kernel of Triton without what some versions append (`_norm_forward_0d1d2`)."""
    return re.sub(r"_\d+[dc].*$", "", name)


def busy_microseconds(kernels: Sequence[Kernel]) -> float:
    """Return for how long any kernel ran: the union of their times. They are in the order of their begins."""
    total, until = 0.0, float("-inf")
    for kernel in kernels:
        total += max(0.0, kernel.end - max(kernel.begin, until))
        until = max(until, kernel.end)
    return total


def microseconds_by_part(found: Sequence[SortedKernel]) -> dict[str, float]:
    """Return the sum of the kernels' times, by part."""
    totals = dict.fromkeys(PARTS, 0.0)
    for one in found:
        totals[one.part] += one.kernel.duration
    return totals


def kernel_table(found: Sequence[SortedKernel], rows: int = 40) -> str:
    """Return the kernels that took longest with part, number and milliseconds in all: what to look the sorting over by.

    Products with frozen weights and those of adapters show how far apart their shortest and longest are, in
    microseconds.
    """
    by_name: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in found:
        by_name[one.part, one.kernel.name].append(one.kernel.duration)
    longest = sorted(by_name.items(), key=lambda item: -sum(item[1]))[:rows]
    return "\n".join(
        f"{part:14} {len(times):6} {sum(times) / 1e3:9.2f} ms  {min(times):7.1f} to {max(times):7.1f}  {name[:100]}"
        for (part, name), times in longest
    )
