"""Fixtures: one thread, a cache folder in which this CPU is fastest in fp32, the command line on a tiny model."""

from pathlib import Path

import pytest

from src.tests.commands.conftest import folder, survives_sigterm, tiny, trained_once, trained_places, yoyak
from src.tests.models.conftest import MOST, one_thread, write_rates
from src.tests.tiny_models import load_tiny, tiny_config, train_tiny, write_tiny_model

__all__ = ["folder", "one_thread", "survives_sigterm", "tiny", "trained_once", "trained_places", "yoyak"]


@pytest.fixture
def fp32_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """Give the test a cache folder of its own, in which fp32 was measured to be fastest."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("YOYAK_HOME", str(folder))
    write_rates(folder, fp32=MOST, bf16=5.0)


@pytest.fixture
def adapter(tmp_path: Path, fp32_machine: None) -> Path:
    """Return the folder of a QLoRA adapter, trained one step on a tiny Llama in `base`."""
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path / "runs")
    return Path(train_tiny(config, *load_tiny(config)))
