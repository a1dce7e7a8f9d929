"""Every test of the models room has a cache folder of its own, in which this CPU was measured to be fastest in fp32."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from src.models import compute
from src.models.compute import _measured, cpu_product_rates
from src.planner.machine import cpu_name

MOST = 1e6  # GFLOP/s, which no processor reaches: what is measured beside a rate in a file never exceeds it


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads only wait for each other in matrices of 64 columns."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("YOYAK_HOME", str(folder))
    monkeypatch.setattr(compute, "cpu_product_rates", cpu_product_rates)  # reads what is written there
    monkeypatch.setattr(compute, "_measured", lambda machine: {"fp32": 0.1, "bf16": 0.1})  # less than what is written
    write_rates(folder, fp32=MOST, bf16=5.0)
    return folder


@pytest.fixture
def new_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in this test, as a process that has just begun."""
    _measured.cache_clear()
    monkeypatch.setattr(compute, "_measured", _measured)


@pytest.fixture
def bf16_machine(home: Path) -> None:
    """Make bf16 the compute type of this test."""
    write_rates(home, fp32=30.0, bf16=MOST)


def write_rates(home: Path, **rates: float) -> None:
    key = f"{cpu_name()} / torch {torch.__version__} / {torch.get_num_threads()} threads"
    (home / "cpu_rates.json").write_text(json.dumps({key: rates}), encoding="utf-8")
