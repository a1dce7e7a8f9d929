"""The plan at the start of a training, and what came of it at the end."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from src.commands.console import create_console
from src.commands.train import train_plan
from src.commands.train.folder import RunContext
from src.commands.train.request import TrainRequest
from src.config import load_config
from src.data.files import sources
from src.data.prompt.templates import PromptTemplate
from src.errors import YoyakError
from src.models import flash_here, lora_loader
from src.planner import lengths as planner_lengths
from src.planner.devices import Device, find_device
from src.planner.lengths import shipped_lengths
from src.planner.plan import Plan
from src.runs.record import RunFile
from src.training import llm_trainer
from src.training.state import resolved

SHAPES = Path(planner_lengths.__file__).with_name("shapes.json")
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


def encoded(family: str, examples: int, instructions: int = 1) -> SimpleNamespace:
    """What a plan reads of a data set: lengths of the shipped histogram, as often as there are instructions."""
    lengths = shipped_lengths(family, examples)
    prompts = np.repeat(np.minimum(lengths.prompts, 1024), instructions)
    whole = prompts + np.repeat(lengths.responses, instructions)
    return SimpleNamespace(
        templates=[SimpleNamespace(own_tokens=40)] * instructions, prompt_lengths=prompts, lengths=whole
    )


def first(context: RunContext, force: bool = False, instructions: int = 1) -> Plan | None:
    data = encoded("llama3", 2000, instructions), encoded("llama3", 100)
    shape = json.loads(SHAPES.read_text(encoding="utf-8"))[context.config.model.checkpoint]
    return train_plan.plan_first(context, TrainRequest("llama_3.2_3b", force=force), shape, *data)


def use(monkeypatch: pytest.MonkeyPatch, device: Device | None) -> None:
    monkeypatch.setattr(train_plan, "device_of_run", lambda: device)


def test_a_run_that_cannot_fit_is_refused_with_the_nearest_that_can(context, monkeypatch):
    use(monkeypatch, replace(find_device("H100"), memory_bytes=8_000_000_000))
    with pytest.raises(YoyakError) as refused:
        first(context)
    message = str(refused.value)
    assert message.startswith("Does not fit: ")
    assert message.endswith("this fits: lora.use_lora=true lora.use_qlora=true; or try with --force")


def test_force_starts_all_the_same(context, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)
    use(monkeypatch, replace(find_device("H100"), memory_bytes=8_000_000_000))
    with caplog.at_level(logging.INFO, "yoyak"):
        plan = first(context, force=True)
    assert plan is not None
    assert not plan.fits
    assert "Started all the same (--force); this fits: " in caplog.text
    assert "Plan: about " in caplog.text


def test_predicted_stands_against_measured_in_run_json(context, monkeypatch):
    use(monkeypatch, find_device("H100"))
    plan = first(context)
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


def test_the_plan_is_of_what_was_encoded(context, monkeypatch):
    """As if the lengths had been given; five instructions, side by side in the data set, count once each."""
    use(monkeypatch, find_device("H100"))
    plain = first(context)
    assert plain.steps == 32 * 3
    assert plain.situation.train.examples(1024) == shipped_lengths("llama3", 2000).examples(1024)
    context.config.data.instruction_augmentation = True
    assert first(context, instructions=5).steps == 157 * 3


def test_a_run_reads_and_encodes_its_data_once(yoyak, tiny, monkeypatch):
    """On a machine that is planned for: the plan is of the encoded data."""
    use(monkeypatch, find_device("H100"))
    read, encoded_rows = [], []
    read_dialogues, encode = sources.read_dialogues, PromptTemplate.encode_examples

    def counted_read(source, *arguments, **named):
        read.append(source)
        return read_dialogues(source, *arguments, **named)

    def counted_encode(self, dialogues, summaries):
        encoded_rows.append(len(dialogues))
        return encode(self, dialogues, summaries)

    monkeypatch.setattr(sources, "read_dialogues", counted_read)
    monkeypatch.setattr(PromptTemplate, "encode_examples", counted_encode)
    monkeypatch.setattr(PromptTemplate, "prompt_lengths", None)  # the planner's own way of counting
    assert yoyak("train", "--experiment", "tiny.yaml", "training.max_steps=1").code == 0
    assert read == ["train.csv", "dev.csv"]
    assert encoded_rows == [4, 2]
    assert "predicted_peak_bytes" in json.loads((tiny / "outputs" / "tiny_qlora" / "run.json").read_text())["plan"]


def test_a_run_decides_once_how_it_trains(yoyak, tiny, monkeypatch):
    """What the loader computes in is heard, and what was decided builds the trainer: nobody asks again."""
    asked = []

    def counted(module, name):
        function = getattr(module, name)

        def call(*arguments, **named):
            asked.append(name)
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    counted(lora_loader, "resolve_compute")
    counted(resolved, "choose_engine")
    counted(resolved, "probed_engine")
    monkeypatch.setattr(resolved, "resolve_compute", None)  # a call would fail
    monkeypatch.setattr(llm_trainer, "resolve", None)
    assert yoyak("train", "--experiment", "tiny.yaml", "training.max_steps=1").code == 0
    assert asked == ["resolve_compute", "choose_engine", "probed_engine"]


def test_a_start_from_the_training_data_is_made_once_before_anything_is_decided(yoyak, tiny):
    settings = ("--no-use_qlora", "lora.init=eva", "training.max_steps=1")
    assert yoyak("train", "--experiment", "tiny.yaml", *settings).code == 0
    log = (tiny / "outputs" / "tiny_lora" / "train.log").read_text(encoding="utf-8")
    said = [log.find(part) for part in ("EVA: computing", "Probe: loss", "Engine: ")]
    assert log.count("EVA: computing") == 1
    assert -1 < said[0] < said[1] < said[2]


def test_without_a_known_machine_nothing_is_planned_or_recorded(context, monkeypatch):
    use(monkeypatch, None)
    assert first(context) is None
    train_plan.record_plan(context, None, RESULTS)
    assert not (context.folder / "run.json").exists()


@pytest.mark.parametrize("computes", [True, False])
def test_flash_linear_attention_is_counted_where_it_computes(context, monkeypatch, computes):
    monkeypatch.setattr(flash_here, "flash_is_here", lambda *_: computes)
    use(monkeypatch, find_device("H100"))
    config = load_config("qwen3.5_4b", ["data.train=sample:en/train.csv", "data.eval=sample:en/dev.csv"])
    plan = first(replace(context, config=config))
    assert plan is not None
    assert plan.choice.job.flash is computes
