"""`yoyak refine` on a tiny model: it goes on from a run, rewards what is drawn, and is the same after a stop."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from src.commands.train import refine, refine_plan
from src.config.loader import load_config
from src.planner.devices import find_device
from src.runs.read import read_run
from src.tests.commands.train.test_refine_killed import SETTINGS as LEARNING
from src.tests.commands.train.test_refine_killed import TRAINED
from src.tests.runs.schema_keys import unknown_keys

SETTINGS = ("refine.steps=3", "refine.dialogues=2", "refine.samples=3", "refine.eval_steps=2", "refine.patience=null")


def predictions(run):
    return [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def trained(trained_once):
    return trained_once("training.max_steps=1", "evaluation.generate=false") / "outputs" / "tiny_qlora"


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_is_refined(yoyak, trained):
    result = yoyak("refine", str(trained), *SETTINGS)
    assert (result.code, result.err) == (0, "")
    run = trained.with_name("tiny_qlora_refined")
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "completed"
    assert record["refine"]["why_ended"] == "all 3 steps are made"
    assert ("No evaluation was better than the start" in result.out) == (record["refine"]["best"]["step"] == 0)
    assert unknown_keys(read_run(run).record) == []
    steps = [line["step"] for line in lines(run) if "reward" in line]
    assert steps == [1, 2, 3]
    assert [line["step"] for line in lines(run) if "eval_reward" in line] == [0, 2, 3]
    assert (run / "final_model" / "adapter_model.safetensors").is_file()
    assert (run / "report.html").is_file()


def test_refining_and_scoring_count_the_same_summaries(yoyak, trained_once):
    """Some of them end in a loop, whose repetition neither counts."""
    hasty = ["training.max_steps=30", "training.learning_rate=0.1", "tokenizer.decoder_max_len=60"]
    place = trained_once("lora.use_qlora=false", "evaluation.generate=false", "evaluation.tokenization=char", *hasty)
    trained = place / "outputs" / "tiny_lora"
    result = yoyak("refine", str(trained), *SETTINGS, "evaluation.generate=true", "data.eval=train.csv")
    assert result.code == 0, result.err
    run = trained.with_name("tiny_lora_refined")
    record = json.loads((run / "run.json").read_text())
    before, after = record["scores"]["zero_shot"], record["scores"]["fine_tuned"]
    assert before["looped"] > 0
    assert record["refine"]["start"]["eval_score"] == pytest.approx(before["rouge_sum"])
    assert record["refine"]["best"]["eval_score"] == pytest.approx(after["rouge_sum"])
    scored = json.loads(yoyak("evaluate", "--adapter", str(run / "final_model"), "--json").out)
    assert scored["scores"]["rouge_sum"]["value"] == after["rouge_sum"]
    assert scored["checks"]["looped"]["count"] == after["looped"]


@pytest.mark.long
def test_the_plan_comes_first_and_is_set_beside_the_run(yoyak, trained, monkeypatch):
    monkeypatch.setattr(refine_plan, "device_of_run", lambda: find_device("H100"))
    result = yoyak("refine", str(trained), *SETTINGS)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    (total,) = (number for number, line in enumerate(lines) if line.startswith("Plan: about "))
    (fits,) = (number for number, line in enumerate(lines) if line.startswith("Plan: Fits: "))
    (loaded,) = (number for number, line in enumerate(lines) if line.startswith("Compute: "))
    assert total < fits < loaded
    figures = json.loads((trained.with_name("tiny_qlora_refined") / "run.json").read_text())["plan"]
    assert figures["predicted_peak_bytes"] > 0.5e6
    assert 0 < figures["predicted_step_seconds"] < 1
    assert figures["measured_step_seconds"] > 0
    assert any(line.startswith("Plan against run: ") for line in lines)


def test_a_plan_that_does_not_fit_is_refused(yoyak, trained, monkeypatch):
    """A card of 1 MB: not even this model fits."""
    monkeypatch.setattr(refine_plan, "device_of_run", lambda: replace(find_device("H100"), memory_bytes=10**6))
    refused = yoyak("refine", str(trained), *SETTINGS)
    assert refused.code == 2
    assert refused.err.startswith("yoyak: Does not fit: ")
    assert refused.err.endswith("of H100; no settings of this model do\n")
    assert refused.err.count("\n") == 1
    assert not trained.with_name("tiny_qlora_refined").exists()


@pytest.mark.long
def test_a_start_that_was_trained_anew_is_another_one(yoyak, trained):
    """What is left of a refining that was stopped does not go on from the other model, nor is it lost."""
    assert yoyak("refine", str(trained), *SETTINGS).code == 0
    refined = trained.with_name("tiny_qlora_refined")
    record = json.loads((refined / "run.json").read_text())
    (refined / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    again = ("training.max_steps=1", "training.seed=7", "evaluation.generate=false", "--overwrite")
    assert yoyak("train", "-e", "tiny.yaml", *again).code == 0
    result = yoyak("refine", str(trained), "training.seed=42", *SETTINGS, "--resume")
    assert result.code == 2
    assert result.err.startswith("yoyak: outputs/tiny_qlora_refined: can't go on: ")
    assert "has other weights than when this refining began; begin anew with --overwrite" in result.err
    assert (refined / "checkpoints").is_dir()


def test_another_reward_is_another_refining(yoyak, trained):
    assert yoyak("refine", str(trained), *SETTINGS).code == 0
    refined = trained.with_name("tiny_qlora_refined")
    record = json.loads((refined / "run.json").read_text())
    (refined / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    result = yoyak("refine", str(trained), *SETTINGS, "--resume", "evaluation.tokenization=char")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "this is another run: evaluation.tokenization is 'char', was 'word'; set it back, or begin" in result.err
    assert yoyak("refine", str(trained), *SETTINGS, "--resume", "generation.num_beams=2").code == 0


@pytest.mark.long
def test_data_that_have_changed_since_are_named(yoyak, trained):
    tiny = trained.parents[1]
    first = yoyak("refine", str(trained), *SETTINGS, "refine.steps=1")
    assert "has changed since" not in first.out
    shutil.copy(tiny / "dev.csv", tiny / "other.csv")
    for name in ("train.csv", "other.csv"):
        with (tiny / name).open("a") as file:
            file.write("new,A: Hi.,They greet.\n")
    again = yoyak("refine", str(trained), *SETTINGS, "refine.steps=1", "data.eval=other.csv", "--overwrite")
    said = [line for line in again.out.splitlines() if "has changed since" in line]
    assert (again.code, again.err) == (0, "")
    assert said == [f"{tiny}/train.csv: has changed since {trained} was trained"]


def test_a_budget_of_memory_on_a_processor_is_said(yoyak, trained):
    settings = ("refine.steps=1", "training.memory_budget_gb=4", "experiment.name=within")
    refined = yoyak("refine", str(trained), *SETTINGS, *settings)
    line = "training.memory_budget_gb is without effect: it is of a GPU's memory\n"
    assert (refined.code, refined.out.count(line)) == (0, 0 if torch.cuda.is_available() else 1)


def test_settings_without_effect_are_refused(yoyak, trained):
    """They would stand in `run.json` as if they had been used."""
    for setting, said in (
        ("lora.r=32", "lora.r: the run's model was trained with 4; leave it out"),
        ("lora.use_lora=false", "lora.use_lora: the run's model was trained with True; leave it out"),
        ("training.learning_rate=0.5", "training.learning_rate has no part in refining; set refine.learning_rate"),
        ("training.max_steps=7", "training.max_steps has no part in refining; set refine.steps"),
        ("training.save_minutes=1", "training.save_minutes has no part in refining; set refine.eval_steps"),
        ("training.weight_decay=0.5", "training.weight_decay has no part in refining; leave it out"),
        ("training.sharding=weights", "training.sharding has no part in refining; leave it out"),
        ("lora.loraplus_lr_ratio=16", "lora.loraplus_lr_ratio has no part in refining; leave it out"),
        ("search.trials=2", "search.trials has a part in searches alone; leave it out"),
    ):
        refused = yoyak("refine", str(trained), *SETTINGS, setting)
        assert (refused.code, refused.err) == (2, f"yoyak: {said}\n")
    config = refine.refine_config(str(trained), ["lora.r=4", "training.learning_rate=0.001", "training.seed=3"])
    assert config.training.seed == 3


@pytest.mark.parametrize(
    ("trained_with", "changed", "obstacle"),
    [(["lora.use_dora=true"], {}, "DoRA"), ([], {"model_type": "helium"}, "the model is of type helium, not ")],
)
def test_what_the_packed_engine_can_not_train_is_refused_before_weights_are_read(
    yoyak, tiny, trained_with, changed, obstacle
):
    assert yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", *trained_with).code == 0
    (tiny / "base" / "model.safetensors").unlink()  # which would be refused otherwise
    config = tiny / "base" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changed))
    refused = yoyak("refine", "tiny_qlora", *SETTINGS)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    said = f"yoyak: refining needs the packed engine, which can't train this model: {obstacle}"
    assert refused.err.startswith(said)


def test_noise_and_products_in_8_bit_of_a_training_are_none_of_refinings(trained):
    saved = trained / "final_model" / "yoyak.yaml"
    text = saved.read_text().replace("neftune_noise_alpha: null", "neftune_noise_alpha: 5")
    saved.write_text(text.replace("base_precision: compute", "base_precision: fp8"))
    assert load_config(saved).training.base_precision == "fp8"
    training = refine.refine_config(str(trained), []).training
    assert (training.neftune_noise_alpha, training.base_precision) == (None, "compute")


@pytest.mark.long
def test_summaries_before_and_after_stand_beside_each_other(yoyak, tiny):
    assert yoyak("train", "-e", "tiny.yaml", *TRAINED, "evaluation.generate=true").code == 0
    first = predictions(tiny / "outputs" / "tiny_full")
    result = yoyak("refine", "tiny_full", *LEARNING)
    assert (result.code, result.err) == (0, "")
    assert "before refining: ROUGE-1 " in result.out
    assert "zero-shot" not in result.out
    compare = "yoyak compare outputs/tiny_full outputs/tiny_full_refined --out compare.html"
    assert result.out.endswith(f"Compare: {compare}\n")
    assert [path.name[:23] for path in (tiny / "logs").rglob("refine*.log")] == ["refine_tiny_full_refine"]
    refined = predictions(tiny / "outputs" / "tiny_full_refined")
    assert [row["zero_shot"] for row in refined] == [row["fine_tuned"] for row in first]  # not the base model's
    assert [row["fine_tuned"] for row in refined] != [row["fine_tuned"] for row in first]
    compared = yoyak(*compare.split()[1:])
    assert (compared.code, compared.err) == (0, "")
    assert "tiny_full_refined against tiny_full: " in compared.out
    assert "Reward of the evaluation" in (tiny / "compare.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ("lora.use_lora=false", "lora.use_qlora=false", "experiment.name=run"),
        ("dataset.format_type=instruction", "experiment.name=run"),
        ("dataset.language=ko", "evaluation.tokenization=morpheme", "experiment.name=run"),
        ("data.instruction_augmentation=true", "data.max_eval_examples=1", "experiment.name=run"),
    ],
    ids=["full weights", "instruction format", "Korean", "augmented"],
)
def test_runs_of_other_kinds_are_refined_and_refined_again(yoyak, tiny, settings):
    assert yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", *settings).code == 0
    once = yoyak("refine", "outputs/run", *SETTINGS)
    assert (once.code, once.err) == (0, "")
    twice = yoyak("refine", "outputs/run_refined/final_model", *SETTINGS, "refine.steps=1")
    assert (twice.code, twice.err) == (0, "")
    run = tiny / "outputs" / "run_refined_refined"
    assert json.loads((run / "run.json").read_text())["status"] == "completed"
    eval_rows = json.loads((run / "run.json").read_text())["data"]["eval"]["examples"]
    assert eval_rows == (1 if "data.max_eval_examples=1" in settings else 2)


def test_what_the_packed_engine_cannot_train_is_refused(yoyak, tiny):
    assert yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", "lora.use_dora=true").code == 0
    refused = yoyak("refine", "outputs/tiny_qlora", *SETTINGS)
    assert refused.code == 2
    assert "DoRA" in refused.err
    assert refused.err.count("\n") == 1
    assert not (tiny / "outputs" / "tiny_qlora_refined").exists()


def test_an_analyser_that_is_not_there_is_asked_for(yoyak, trained, monkeypatch):
    monkeypatch.setattr("src.evaluation.tokenizations.find_spec", lambda name: None)
    refused = yoyak("refine", "tiny_qlora", *SETTINGS, "evaluation.tokenization=mecab")
    assert refused.code == 2
    assert refused.err == ("yoyak: tokenization mecab: python-mecab-ko is not installed; pip install 'yoyak[mecab]'\n")


@pytest.mark.long
def test_training_that_hardly_learns_is_no_matter_of_refining(yoyak, tiny):
    trained = yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", "training.learning_rate=2e-5")
    assert "training.learning_rate = 2e-05 is low for LoRA" in trained.out
    assert "is low for LoRA" not in yoyak("refine", "tiny_qlora", *SETTINGS, "refine.steps=1").out
