"""`yoyak evaluate --also`: several models together, each asked as its own run says."""

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from src.tests.commands.test_evaluate_model import DEV, FINAL, lines


@pytest.fixture
def trained(trained_once):
    return trained_once("training.max_steps=1")


def test_of_several_checkpoints_the_summary_closest_to_the_others(yoyak, trained):
    """Three adapters: by their weights the last one writes otherwise; each is generated once, the choice is scored."""
    for name, factor in (("near", 1.0), ("far", 40.0)):
        shutil.copytree(FINAL, f"outputs/{name}")
        weights = safetensors.torch.load_file(f"{FINAL}/adapter_model.safetensors")
        generator = torch.Generator().manual_seed(1)
        moved = {key: value + factor * torch.randn(value.shape, generator=generator) for key, value in weights.items()}
        safetensors.torch.save_file(moved if name == "far" else weights, f"outputs/{name}/adapter_model.safetensors")
    also = ("--also", "outputs/far", "--also", "outputs/near")
    first = yoyak("evaluate", "--adapter", FINAL, *also, "--json")
    assert first.code == 0, first.err
    rows = lines(DEV.with_name("dev_together.jsonl"))
    names = ("tiny_qlora_final_model", "far", "near")
    assert [tuple(row)[-4:] for row in rows] == [("consensus", *names)] * 2
    assert any(row["far"] != row["near"] for row in rows)
    assert all(row["consensus"] == row["near"] == row["tiny_qlora_final_model"] for row in rows)
    assert json.loads(first.out)["n"] == 2
    assert "Of 3 models by MBR (rouge_sum): ROUGE sum " in first.err
    assert first.err.rstrip().endswith("for 3 times the work")
    again = yoyak("evaluate", "--adapter", FINAL, *also)
    assert again.err.count(" has 2 of 2 summaries already") == 3
    assert lines(DEV.with_name("dev_together.jsonl")) == rows


def test_each_of_several_models_is_asked_as_its_own_run_was_trained(yoyak, trained):
    """Another run, and a checkpoint of it; what the command line says holds for all, `--experiment` for all else."""
    other = ("dataset.instruction=Say it.", "tokenizer.decoder_max_len=12", "generation.num_beams=2")
    how = ("training.max_steps=1", "training.save_steps=1", "training.save_total_limit=2", "experiment.name=other")
    assert yoyak("train", "-e", "tiny.yaml", *other, *how).code == 0
    models = {"tiny_qlora_final_model": FINAL, "other_final_model": "outputs/other/final_model"}
    models["other_checkpoints_checkpoint-1"] = "outputs/other/checkpoints/checkpoint-1"
    first, *further = models.values()
    also = ("evaluate", "--adapter", first, *(part for model in further for part in ("--also", model)))

    def asked(*options):
        assert yoyak(*also, *options, "--out", "together.jsonl", "--overwrite").code == 0
        files = [DEV.with_name("dev") / f"{name}.jsonl.settings.json" for name in models]
        of_each = [json.loads(file.read_text()) for file in files]
        names = ("dataset.instruction", "tokenizer.decoder_max_len", "generation.num_beams")
        return [tuple(settings[name] for name in names) for settings in of_each]

    its = ("Say it.", 12, 2)
    assert asked() == [(None, 8, 1), its, its]
    together = lines(Path("together.jsonl"))
    assert yoyak("evaluate", "--adapter", further[0], "--out", "alone.jsonl").code == 0
    assert [row["other_final_model"] for row in together] == [row["summary"] for row in lines(Path("alone.jsonl"))]
    assert [row["other_checkpoints_checkpoint-1"] for row in together] == [row["other_final_model"] for row in together]
    assert asked("--max-new-tokens", "6") == [(None, 6, 1), ("Say it.", 6, 2), ("Say it.", 6, 2)]
    assert asked("--experiment", "tiny.yaml") == [(None, 8, 1)] * 3


def test_of_several_models_a_summary_that_was_cut_is_taken_only_where_none_has_ended(yoyak, trained):
    """Of the first dialogue the first model's summary ended, which is the one that is farther from the others."""
    names = ("ends", "cut", "same")
    for name in names:
        shutil.copytree(FINAL, f"outputs/{name}")
    command = ("evaluate", "--adapter", "outputs/ends", "--also", "outputs/cut", "--also", "outputs/same")
    assert yoyak(*command).code == 0
    for name in names:  # as if it had been written so
        path, text = DEV.with_name("dev") / f"{name}.jsonl", "A b." if name == "ends" else "c d e"
        rows = [row | {"summary": text, "ended": name == "ends" and row["fname"] == "d0"} for row in lines(path)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = json.loads(yoyak(*command, "--json").out)
    assert [row["consensus"] for row in lines(DEV.with_name("dev_together.jsonl"))] == ["A b.", "c d e"]
    assert report["checks"]["unended"] == {"count": 1, "fnames": ["d1"]}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--adapter", FINAL, "--also", "outputs/none"), "--also outputs/none: no such folder; name that of an "),
        (
            ("--adapter", FINAL, "--also", "outputs/tiny_qlora", "--out", "dev.csv"),
            "--out dev.csv: is there already; pass --overwrite to replace it",
        ),
        (("--adapter", FINAL, "--also", FINAL), f"--also {FINAL}: is named twice"),
        (("-e", "tiny.yaml", "--also", FINAL), "--also names further models beside --adapter; name the first one "),
        (("--adapter", FINAL, "--also", FINAL, "--spreadsheet"), "--also writes JSON Lines; leave --spreadsheet out"),
        (("--adapter", FINAL, "--also", "base", "--zero-shot"), "--also chooses among trained models; leave --zero-"),
        (("--adapter", FINAL, "--also", "base"), "base: no yoyak.yaml, so its prompt is not known; add --experiment N"),
    ],
)
def test_further_models_that_cannot_be_asked(yoyak, trained, arguments, line):
    refused = yoyak("evaluate", *arguments)
    assert refused.code == 2
    assert refused.err.startswith(f"yoyak: {line}")
    assert refused.err.count("\n") == 1
