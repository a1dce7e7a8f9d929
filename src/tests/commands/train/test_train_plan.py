"""The plan at the start of a training, and what came of it at the end."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from src.commands.console import create_console
from src.commands.train import train_plan
from src.commands.train.folder import RunContext, TrainRequest
from src.config import load_config
from src.errors import YoyakError
from src.planner.devices import Device, find_device
from src.runs.record import RunFile

RESULTS = {
    "memory_plan": None,
    "steps": 10,
    "train_runtime": 60.0,
    "evaluation_seconds": 10.0,
    "peak_memory_bytes": 4_000_000_000,
}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunContext:
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path / "home"))
    data = ["data.train=sample:en/train.csv", "data.eval=sample:en/dev.csv"]
    config = load_config("llama_3.2_3b", [*data, "lora.use_lora=false", "lora.use_qlora=false"])
    return RunContext(config, tmp_path, RunFile(tmp_path), logging.getLogger("yoyak"), create_console())


def use(monkeypatch: pytest.MonkeyPatch, device: Device | None) -> None:
    monkeypatch.setattr(train_plan, "_device", lambda: device)


def test_a_run_that_cannot_fit_is_refused_with_the_nearest_that_can(context, monkeypatch):
    use(monkeypatch, replace(find_device("H100"), memory_bytes=8_000_000_000))
    with pytest.raises(YoyakError) as refused:
        train_plan.plan_first(context, TrainRequest("llama_3.2_3b"))
    message = str(refused.value)
    assert message.startswith("Does not fit: ")
    assert message.endswith("this fits: lora.use_lora=true lora.use_qlora=true; or try with --force")


def test_force_starts_all_the_same(context, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)
    use(monkeypatch, replace(find_device("H100"), memory_bytes=8_000_000_000))
    with caplog.at_level(logging.INFO, "yoyak"):
        plan = train_plan.plan_first(context, TrainRequest("llama_3.2_3b", force=True))
    assert plan is not None
    assert not plan.fits
    assert "Started all the same (--force); this fits: " in caplog.text
    assert "Plan: about " in caplog.text


def test_predicted_stands_against_measured_in_run_json(context, monkeypatch):
    use(monkeypatch, find_device("H100"))
    plan = train_plan.plan_first(context, TrainRequest("llama_3.2_3b"))
    train_plan.record_plan(context, plan, RESULTS)
    record = json.loads((context.folder / "run.json").read_text(encoding="utf-8"))["plan"]
    assert record["predicted_peak_bytes"] == plan.choice.memory.peak_bytes
    assert record["measured_peak_bytes"] == 4_000_000_000
    assert record["measured_step_seconds"] == 5.0
    assert record["predicted_seconds"] == round(plan.total_seconds, 1)


def test_the_loaded_models_plan_comes_before_the_first(context, monkeypatch):
    chosen = {"peak_bytes": 3_000_000_000, "step_seconds": 4.5}
    train_plan.record_plan(context, None, RESULTS | {"memory_plan": chosen})
    record = json.loads((context.folder / "run.json").read_text(encoding="utf-8"))["plan"]
    assert record["predicted_peak_bytes"] == 3_000_000_000
    assert record["predicted_step_seconds"] == 4.5


def test_without_a_known_machine_nothing_is_planned_or_recorded(context, monkeypatch):
    use(monkeypatch, None)
    assert train_plan.plan_first(context, TrainRequest("llama_3.2_3b")) is None
    train_plan.record_plan(context, None, RESULTS)
    assert not (context.folder / "run.json").exists()
