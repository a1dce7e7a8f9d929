"""What a run decides at its start, and what a run that goes on is told of it."""

import json
from dataclasses import replace

import pytest
import torch

from src.bilingual import Text, korean
from src.errors import YoyakError
from src.models.compute import ComputeChoice
from src.models.probe import found_by_probes
from src.runs.schema import ResolvedChoices
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.engine import EngineChoice
from src.training.llm_trainer import LLMTrainer
from src.training.memory_plan import MemoryPlan
from src.training.state import resolved
from src.training.state.resolved import Resolved, resolve

OLD = {
    "compute": {"device": "cpu", "dtype": "fp32", "reason": "measured", "threads": 2},
    "engine": {"name": "packed", "reason": "the model allows it", "micro_batch_tokens": 1024, "float8": False},
    "cache_dequantized": True,
    "recomputes": True,
    "memory_plan": None,
    "probes": {
        "loss": {"engine": "trainer", "loss": 1.0, "own_loss": 1.0, "error": None, "agrees": True, "seconds": 1}
    },
}
"""As commit 1ade717 wrote it."""


@pytest.fixture(autouse=True)
def _threads_are_given_back():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def base(tmp_path):
    return write_tiny_model(tmp_path / "base")


def decided(config, **given):
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    return resolve(config, model, dataset, dataset, **given), model


def test_what_an_earlier_version_wrote_is_read():
    found = Resolved.from_dict(OLD)
    assert found.compute == ComputeChoice("cpu", "fp32", "measured", 2)
    assert found.engine == EngineChoice("packed", "the model allows it", 1024)
    assert (found.cache_dequantized, found.recomputes, found.memory_plan, found.deterministic) == (
        True,
        True,
        None,
        False,
    )
    assert found.as_dict() == OLD | {"deterministic": False, "sharding": "none"}


def test_it_is_json_and_comes_back():
    plan = MemoryPlan(4096, 3, False, 5_000, 6_000, 0.5)
    found = replace(Resolved.from_dict(OLD), memory_plan=plan, deterministic=True)
    assert Resolved.from_dict(json.loads(json.dumps(found.as_dict()))) == found
    # Korean readers are told why in Korean by a run that goes on, too.
    said = replace(found, compute=replace(found.compute, reason=Text("as wished", "설정대로")))
    back = Resolved.from_dict(json.loads(json.dumps(said.as_dict())))
    assert (back, korean(back.compute.reason), korean(back.engine.reason)) == (said, "설정대로", found.engine.reason)


def test_the_optimizer_is_the_plans_where_it_names_one():
    older, plan = Resolved.from_dict(OLD), MemoryPlan(4096, 3, False, 5_000, 6_000, 0.5)
    on_gpu = replace(older, compute=replace(older.compute, device="cuda"))
    wanted = "paged_adamw_32bit"
    assert (older.optimizer(wanted), older.optimizer("adafactor")) == ("adamw_torch", "adafactor")
    assert on_gpu.optimizer(wanted) == replace(on_gpu, memory_plan=plan).optimizer(wanted) == wanted
    planned = replace(on_gpu, memory_plan=replace(plan, optimizer="adamw_torch_fused"))
    assert planned.optimizer(wanted) == "adamw_torch_fused"


@pytest.mark.parametrize(("wanted", "again"), [(True, True), ("auto", True), (False, False)])
def test_all_is_decided_on_a_cpu(base, tmp_path, wanted, again):
    settings = {"training__deterministic": True, "lora__cache_dequantized": "on", "training__micro_batch_tokens": 300}
    config = tiny_config(base, tmp_path, training__gradient_checkpointing=wanted, **settings)
    compute = ComputeChoice("cpu", "fp32", "as it was loaded", 1)
    found, model = decided(config, compute=compute)
    probes = found_by_probes(model)
    assert set(probes) == {"training", "loss"}
    engine = EngineChoice("packed", "the model allows it", 300)
    assert found == Resolved(compute, engine, True, again, None, probes, True)
    assert found.record(config.training) == found.engine.resolved(config.training) | {
        "probes": probes,
        "optimizer": "adamw_torch",
        "gradient_checkpointing": wanted,
    }
    assert ResolvedChoices.model_validate(found.record(config.training)).gradient_checkpointing == wanted


@pytest.mark.parametrize(("wanted", "again"), [(True, True), ("auto", False), (False, False)])
def test_the_trainer_engine_computes_again_where_it_is_told_to(base, tmp_path, wanted, again):
    config = tiny_config(base, tmp_path, training__engine="trainer", training__gradient_checkpointing=wanted)
    found, _ = decided(config)
    assert (found.engine.name, found.recomputes) == ("trainer", again)


@pytest.mark.parametrize("setting", ["training__metric_for_best_model", "evaluation__generate"])
def test_what_generates_in_a_run_is_probed_at_its_start(base, tmp_path, setting):
    value = {"training__metric_for_best_model": "rouge_sum", "evaluation__generate": True}[setting]
    found, _ = decided(tiny_config(base, tmp_path, **{setting: value}))
    assert set(found.probes) == {"training", "loss", "generation"}


def test_a_run_that_goes_on_decides_nothing_anew(base, tmp_path, monkeypatch):
    monkeypatch.setattr(resolved, "resolve_compute", None)  # a call would fail
    monkeypatch.setattr(resolved, "choose_engine", None)
    monkeypatch.setattr(resolved, "probed_engine", None)
    monkeypatch.setattr(resolved, "keeps_dequantized", None)
    earlier = Resolved.from_dict(OLD)
    torch.set_num_threads(1)
    found, _ = decided(tiny_config(base, tmp_path, training__deterministic=True), earlier=earlier)
    assert found == replace(earlier, deterministic=True)
    assert torch.get_num_threads() == 2


def test_a_run_begun_without_probes_is_refused_where_its_engine_computes_otherwise(base, tmp_path, monkeypatch):
    earlier = replace(Resolved.from_dict(OLD), probes={})
    other = EngineChoice("trainer", "the probe: loss 1 by the packed engine, 2 by the model's own forward", 1024)
    monkeypatch.setattr(resolved, "probed_engine", lambda *_: other)
    with pytest.raises(YoyakError, match=r"/tiny: can't go on: the probe: loss 1 .*; begin anew with --overwrite$"):
        decided(tiny_config(base, tmp_path), earlier=earlier)


def test_a_trainer_is_built_by_what_it_is_given_and_asks_nothing(base, tmp_path, monkeypatch):
    config = tiny_config(base, tmp_path)
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    given = replace(resolve(config, model, dataset), engine=EngineChoice("packed", "given", 77))
    monkeypatch.setattr("src.training.llm_trainer.resolve", None)  # a call would fail
    trainer = LLMTrainer(config, model, tokenizer, dataset, resolved=given)
    assert trainer.trainer.room.packer.micro_batch_tokens == 77
    assert trainer.trainer.facts["resolved"] == given.as_dict()
    assert trainer.train()["steps"] == 1
