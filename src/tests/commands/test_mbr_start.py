"""MBR of a refined adapter compares with samples of the one before refining, where that is asked for."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from src.commands import generating
from src.tests.commands.conftest import write_csv
from src.tests.commands.test_several import TWO, ended, started

ROWS = 9
TRAINED = ("training.max_steps=2", "evaluation.generate=false", "model.dtype=fp32")
REFINED = (
    "refine.steps=2", "refine.dialogues=2", "refine.samples=2", "refine.eval_steps=1", "refine.patience=null",
    "refine.learning_rate=0.05", "refine.warmup_steps=0", "generation.mbr_metric=chrf",
)  # fmt: skip
MBR = ("generation.mbr_samples=4", "generation.mbr_metric=chrf")
NAMED, OWN = "generation.mbr_references=start", "generation.mbr_references=own"
FINAL = Path("outputs", "tiny_qlora_refined", "final_model")
SUMMARIZE = ("summarize", "some.csv", "--adapter", FINAL, *MBR)
START = "also compared with as many of the model before refining ("


@pytest.fixture
def refined(yoyak, trained_once):
    torch.manual_seed(0)
    folder = trained_once(*TRAINED)
    dialogues = [f"A: Is it number {index}?\nB: {'No, no. ' * (index * 3 % 5)}Yes." for index in range(ROWS)]
    write_csv(folder / "some.csv", dialogues, [f"It is number {index}." for index in range(ROWS)])
    assert yoyak("refine", "tiny_qlora", *REFINED).code == 0
    weights = FINAL / "adapter_model.safetensors"  # moved away from its start, whatever two steps have done
    moved = {name: value + torch.randn_like(value) for name, value in load_file(weights).items()}
    save_file(moved, weights, metadata={"format": "pt"})
    return folder


def texts(file):
    return [json.loads(line)["generated_summary"] for line in Path(file).read_text(encoding="utf-8").splitlines()]


@pytest.mark.long
def test_a_file_is_made_in_parts_and_goes_on_alike(yoyak, refined, monkeypatch):
    whole = yoyak(*SUMMARIZE, NAMED, "--out", "whole.jsonl")
    assert (whole.code, whole.err.count(START)) == (0, 1), whole.err
    auto = yoyak(*SUMMARIZE, "--out", "auto.jsonl")
    assert (auto.code, auto.err.count(START)) == (0, 1), auto.err
    assert Path("auto.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    own = yoyak(*SUMMARIZE, OWN, "--out", "own.jsonl")
    assert (own.code, START in own.err) == (0, False)
    assert texts("own.jsonl") != texts("whole.jsonl")
    settings = [json.loads(Path(f"{name}.jsonl.settings.json").read_text()) for name in ("whole", "own")]
    start = "outputs/tiny_qlora/final_model"
    assert settings[0]["generation.mbr_references"].startswith(f"{start} (sha256 ")
    assert "generation.mbr_references" not in settings[1]  # as rows of earlier versions
    assert list(settings[0]["found"]) == ["generation.mbr_temperature", "temperature of the model before refining"]
    monkeypatch.setitem(generating._KEPT_EVERY, "cpu", 4)
    assert yoyak(*SUMMARIZE, NAMED, "--out", "parts.jsonl").code == 0
    assert Path("parts.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    lines = Path("whole.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    Path("parts.jsonl").write_text("".join(lines[:3]), encoding="utf-8")
    again = yoyak(*SUMMARIZE, NAMED, "--out", "parts.jsonl")
    assert (again.code, "has 3 of 9 summaries" in again.err) == (0, True), again.err
    assert Path("parts.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    other = yoyak(*SUMMARIZE, OWN, "--out", "whole.jsonl")
    assert (other.code, "was made with generation.mbr_references = " in other.err) == (2, True)


@pytest.mark.long
def test_a_file_goes_on_at_the_starts_temperature_too(yoyak, refined):
    assert yoyak(*SUMMARIZE, NAMED, "--out", "out.jsonl").code == 0
    path = Path("out.jsonl.settings.json")
    content = json.loads(path.read_text())
    content["found"]["temperature of the model before refining"] = 1.9
    path.write_text(json.dumps(content))
    Path("out.jsonl").write_text("")
    again = yoyak(*SUMMARIZE, NAMED, "--out", "out.jsonl")
    assert again.code == 0
    assert "drawn at temperature 1.9 and not chosen from" in " ".join(again.err.split())


@pytest.mark.long
def test_without_its_start_it_is_refused(yoyak, refined):
    before = f"{refined}/outputs/tiny_qlora/final_model"
    settings = Path("outputs/tiny_qlora/final_model/adapter_config.json")
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"lora_alpha": 99}))
    refused(yoyak(*SUMMARIZE, NAMED), f"{FINAL}: {before} is no longer the one before refining")
    shutil.move("outputs/tiny_qlora", "elsewhere")
    refused(yoyak(*SUMMARIZE, NAMED), f"{FINAL}: {before}, from before refining, is not there")
    plain = Path("elsewhere/final_model")
    refused(yoyak("summarize", "some.csv", "--adapter", plain, *MBR, NAMED), f"{plain}: was not made by yoyak refine")
    alone = "MBR: the samples are compared with each other alone"
    auto, usual = yoyak(*SUMMARIZE), yoyak("summarize", "some.csv", "--adapter", plain, *MBR)
    assert (auto.code, f"{alone}: {FINAL}: {before}, from before refining, is not there" in one_line(auto.err)) == (
        0,
        True,
    )
    assert (usual.code, alone in one_line(usual.err)) == (0, False)


def one_line(text):
    return " ".join(text.split())


def refused(result, why):
    said = f"yoyak: generation.mbr_references = start: {why}; set generation.mbr_references=own"
    assert (result.code, result.err.splitlines()[-1]) == (2, said)


@pytest.mark.long
def test_a_model_that_was_refined_twice_compares_with_the_one_before_the_first(yoyak, refined):
    twice = ("experiment.name=twice", "evaluation.generate=true", "generation.mbr_samples=4", NAMED)
    assert yoyak("refine", "tiny_qlora_refined", *REFINED, *twice).code == 0
    log = Path("outputs/twice/train.log").read_text()
    assert log.count(f"{START}{refined}/outputs/tiny_qlora/final_model), drawn at temperature ") == 1  # its own score's
    adapter = Path("outputs/twice/final_model")
    result = yoyak("evaluate", "--adapter", adapter, "model.dtype=fp32", "--json")
    assert f"{START}{refined}/outputs/tiny_qlora/final_model)" in " ".join(result.err.split())
    scores = json.loads(Path("outputs/twice/run.json").read_text())["scores"]["fine_tuned"]
    assert json.loads(result.out)["scores"]["rouge_sum"]["value"] == pytest.approx(scores["rouge_sum"])
    shutil.rmtree("outputs/tiny_qlora")
    again = yoyak("refine", "tiny_qlora_refined", *REFINED, *twice, "--overwrite")
    why = f"{FINAL}: {refined}/outputs/tiny_qlora/final_model, from before refining, is not there"
    refused(again, why)


def test_training_has_no_start(yoyak, tiny):
    result = yoyak("train", "-e", "tiny.yaml", NAMED)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.endswith("= start: is for models that were refined; leave it out of training\n")


@pytest.mark.slow
def test_two_processes_write_what_one_writes(yoyak, refined):
    assert yoyak(*SUMMARIZE, NAMED, "--out", "one.jsonl").code == 0
    code, _, err = ended(started(refined, *SUMMARIZE, NAMED, "--out", "two.jsonl", *TWO))
    assert (code, " ".join(err.split()).count(START)) == (0, 1), err
    assert (refined / "two.jsonl").read_bytes() == (refined / "one.jsonl").read_bytes()
    settings = [json.loads((refined / f"{name}.jsonl.settings.json").read_text()) for name in ("one", "two")]
    assert settings[0] == settings[1]


def test_a_model_whose_weights_were_all_refined_has_none(yoyak, tiny):
    full = ("lora.use_lora=false", "lora.use_qlora=false", "model.dtype=fp32", "training.max_steps=1")
    assert yoyak("train", "-e", "tiny.yaml", *full).code == 0
    result = yoyak("refine", "tiny_full", *REFINED, "generation.mbr_samples=4", NAMED)
    refused(result, "outputs/tiny_full/final_model: two whole models are not loaded")
