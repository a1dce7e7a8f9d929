"""What keeps the GPU's kernels from running, in words."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest
import torch

from src.kernels import requirements
from src.kernels.requirements import kernel_obstacle

GPU = torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("width", "capability", "number_bytes", "words"),
    [
        (128, (7, 5), 4, None),
        (64, (9, 0), 2, None),
        (256, (7, 5), 2, None),
        (256, (8, 0), 4, None),
        (256, (7, 5), 4, "heads of 256 in float32 don't fit a GPU of compute capability 7.5"),
        (100, (9, 0), 2, "heads of 100, not 16, 32, 64, 128, 256"),
        (128, (7, 0), 2, "the GPU is of compute capability 7.0, below 7.5"),
    ],
)
def test_heads_and_cards(
    monkeypatch: pytest.MonkeyPatch, width: int, capability: tuple[int, int], number_bytes: int, words: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(requirements, "find_spec", lambda name: ModuleSpec(name, None))
    assert kernel_obstacle(GPU, width, number_bytes) == words


def test_triton_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda name: importlib.util.find_spec("no_such_package"))
    assert kernel_obstacle(GPU, 128) == "Triton is not installed (pip install triton)"


def test_the_cpu_needs_nothing() -> None:
    assert kernel_obstacle(torch.device("cpu"), 100) is None
