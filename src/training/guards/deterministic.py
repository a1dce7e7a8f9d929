"""Kernels that give the same bits each time, for `training.deterministic`.

Ours do so anyway: none in `kernels/cuda` uses atomics, each program owns the elements that it writes, and sums are
within one program, in a fixed order. Left to choose are cuBLAS (its workspace decides whether sums are split), the
backwards of PyTorch's attention, scattered additions, and between GPUs NVLink's switches, which would add up in the
order in which values come (NCCL's rings and trees have a fixed one).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ...errors import YoyakError


def prepare_deterministic() -> None:
    """Set what libraries read when they start; to be called before anything is computed on the GPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("FLASH_ATTENTION_DETERMINISTIC", "1")
    os.environ["NCCL_NVLS_ENABLE"] = "0"


@contextmanager
def deterministic_kernels(wanted: bool) -> Iterator[None]:
    """Let only deterministic kernels run, where `wanted`.

    An operation without one raises RuntimeError ("does not have a deterministic implementation").
    """
    if not wanted:
        yield
        return
    prepare_deterministic()
    filling: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), filling.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    filling.fill_uninitialized_memory = False  # nothing reads what it has not written
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        filling.fill_uninitialized_memory = before[1]


def raise_if_not_deterministic(error: BaseException) -> None:
    """Raise YoyakError where `error` says that an operation has no deterministic kernel."""
    if "does not have a deterministic implementation" in str(error):
        operation = str(error).split(" ", 1)[0]
        raise YoyakError(
            f"training.deterministic = true: {operation} has no deterministic kernel on this device; set it to false"
        ) from error
