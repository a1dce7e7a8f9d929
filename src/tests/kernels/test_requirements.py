"""What keeps the GPU's kernels from running, in words."""

import importlib.util
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch

from src.kernels import requirements
from src.kernels.requirements import flash_delta_obstacle, kernel_obstacle

GPU = torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("width", "capability", "number_bytes", "words"),
    [
        (128, (7, 5), 4, None),
        (64, (9, 0), 2, None),
        (256, (7, 5), 2, None),
        (256, (8, 0), 4, None),
        (256, (7, 5), 4, "heads of 256 in float32 don't fit a GPU of compute capability 7.5"),
        (512, (8, 0), 2, None),
        (512, (7, 5), 2, "heads of 512 in 16 bit don't fit a GPU of compute capability 7.5"),
        (512, (9, 0), 4, "heads of 512 in float32 don't fit a GPU of compute capability 9.0"),
        (100, (9, 0), 2, "heads of 100, not 16, 32, 64, 128, 256, 512"),
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


@pytest.mark.parametrize(
    ("installed", "width", "words"),
    [
        (None, 128, "it is not installed: pip install 'yoyak[fla]'"),
        ("0.5.1", 128, "it is 0.5.1, older than 0.6"),
        ("0.5rc1", 128, "it is 0.5rc1, older than 0.6"),
        ("0.10.0", 512, "keys of 512, above 256"),
    ],
)
def test_flash_linear_attention(monkeypatch: pytest.MonkeyPatch, installed: str | None, width: int, words: str) -> None:
    def version(_: str) -> str:
        if installed is None:
            raise PackageNotFoundError
        return installed

    monkeypatch.setattr(requirements, "version", version)
    requirements._flash_obstacle.cache_clear()
    assert flash_delta_obstacle(GPU, width) == words
    assert flash_delta_obstacle(torch.device("cpu"), width) == "it is for GPUs"
    requirements._flash_obstacle.cache_clear()


@pytest.mark.parametrize(
    ("triton", "capability", "words"),
    [
        ("3.3.1", (9, 0), None),
        ("3.4.0", (9, 0), "3.4.0"),
        ("3.6.0", (9, 0), "3.6.0"),
        ("3.7.0+git1a2b3c", (9, 0), "3.7.0+git1a2b3c"),
        ("3.7.1", (9, 0), None),
        ("3.10.0", (9, 0), None),
        ("3.6.0", (8, 0), None),
        ("3.6.0", (10, 0), None),
    ],
)
def test_a_triton_that_compiles_its_backward_wrongly(
    monkeypatch: pytest.MonkeyPatch, triton: str, capability: tuple[int, int], words: str | None
) -> None:
    monkeypatch.setattr("triton.__version__", triton)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(requirements, "_flash_obstacle", lambda: None)
    requirements._backward_obstacle.cache_clear()
    assert flash_delta_obstacle(GPU, 128, trains=False) is None  # prompts are read by the forward alone
    found = flash_delta_obstacle(GPU, 128)
    requirements._backward_obstacle.cache_clear()
    expected = (
        f"Triton {words} compiles their backward wrongly on a Hopper GPU; 3.7.1 doesn't, which comes with torch 2.13"
    )
    assert found == (words and expected)


def test_the_library_refuses_the_same_versions() -> None:
    env = pytest.importorskip("fla.utils.env", reason="needs flash-linear-attention", exc_type=ImportError)
    names = [f"TRITON_ABOVE_{'_'.join(map(str, (*version, 0)[:3]))}" for version in requirements._WRONG_ON_HOPPER]
    source = Path(env.__file__).parents[1] / "ops/common/chunk_o.py"
    refused = f"if g is not None and IS_NVIDIA_HOPPER and {names[0]} and not {names[1]}:"
    assert refused in source.read_text(encoding="utf-8")


def test_flash_linear_attention_promises_no_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASH_ATTENTION_DETERMINISTIC", "1")  # as `prepare_deterministic` sets it
    assert flash_delta_obstacle(GPU, 128) == "training.deterministic is set"
