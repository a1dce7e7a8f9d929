"""A checkpoint of a run that was killed is used with its run's settings, in each way, or refused."""

import json
import shutil

import pytest

SAVED = ("experiment.name=killed", "training.save_steps=1", "training.eval_steps=1")
OWN = ("tokenizer.decoder_max_len=5", "dataset.instruction=Say it in five words.")
LAST = "outputs/killed/checkpoints/checkpoint-2"
FINAL = "outputs/killed/final_model"


def summaries(yoyak, model):
    result = yoyak("summarize", "dev.csv", "--adapter", model, "--out", "sum.jsonl", "--overwrite")
    assert result.code == 0, result.err
    with open("sum.jsonl", encoding="utf-8") as file:
        return [json.loads(line)["generated_summary"] for line in file]


@pytest.mark.parametrize("kind", [("lora.use_qlora=false",), ("lora.use_lora=false",)], ids=["adapter", "whole"])
def test_a_checkpoint_of_a_killed_run_is_used_with_the_runs_settings(yoyak, trained_once, kind):
    place = trained_once(*SAVED, *OWN, *kind)
    finished = summaries(yoyak, FINAL)
    shutil.rmtree(place / FINAL)
    assert summaries(yoyak, LAST) == finished
    assert all(len(text) <= 5 for text in finished)  # a token is a byte
    assert yoyak("export", "--adapter", LAST, "--to", "merged", "--out", "merged").code == 0
    assert "instruction: Say it in five words." in (place / "merged" / "yoyak.yaml").read_text()
    assert "scores" not in json.loads((place / "merged" / "yoyak_export.json").read_text())


def test_a_run_without_a_final_model_is_answered_with_its_newest_checkpoint(yoyak, trained_once):
    place = trained_once(*SAVED, *OWN, "lora.use_qlora=false")
    shutil.rmtree(place / FINAL)
    for named in (place / LAST).parents[1].relative_to(place), (place / LAST).parent.relative_to(place):
        said = f"yoyak: {named}: holds checkpoints of a run, and no model of its own; name one: {LAST}\n"
        for command in ("evaluate",), ("export", "--to", "merged", "--out", "m"), ("summarize", "A: Hi."):
            result = yoyak(*command, "--adapter", named)
            assert (result.code, result.err) == (2, said)


def test_a_record_without_settings_is_refused(yoyak, trained_once):
    place = trained_once(*SAVED, *OWN, "lora.use_qlora=false")
    shutil.rmtree(place / FINAL)
    record = place / "outputs" / "killed" / "run.json"
    record.write_text("{}")
    result = yoyak("summarize", "A: Hi.", "--adapter", LAST)
    assert (result.code, result.err) == (2, f"yoyak: {record}: holds no settings of a run; add --experiment NAME\n")
    record.write_text(json.dumps({"config": {"tokenizer": {"decoder_max_len": 5, "decoder_max": 5}}}))
    result = yoyak("summarize", "A: Hi.", "--adapter", LAST)
    assert result.code == 2
    assert result.err.startswith("yoyak: outputs/killed/run.json: unknown key 'tokenizer.decoder_max'")


def test_a_model_without_a_tokenizer_is_refused(yoyak, tiny):
    for file in (tiny / "base").glob("tokenizer*"):
        file.unlink()
    result = yoyak("summarize", "A: Hi.", "-e", "tiny.yaml")
    assert result.code == 2
    assert f"model.checkpoint = {tiny / 'base'}: holds no tokenizer; copy tokenizer.json and tokenizer_config.json" in (
        result.err
    )
