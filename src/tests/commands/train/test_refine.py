"""`yoyak refine` on a tiny model: it goes on from a run, rewards what is drawn, and is the same after a stop."""

import json

import pytest

from src.runs.read import read_run
from src.tests.runs.schema_keys import unknown_keys

SETTINGS = ("refine.steps=3", "refine.dialogues=2", "refine.samples=3", "refine.eval_steps=2", "refine.patience=null")


@pytest.fixture
def trained(yoyak, tiny):
    assert yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", "evaluation.generate=false").code == 0
    return tiny / "outputs" / "tiny_qlora"


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_is_refined(yoyak, trained):
    result = yoyak("refine", str(trained), *SETTINGS)
    assert (result.code, result.err) == (0, "")
    run = trained.with_name("tiny_qlora_refined")
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "completed"
    assert record["refine"]["why_ended"] == "all 3 steps are made"
    assert unknown_keys(read_run(run).record) == []
    steps = [line["step"] for line in lines(run) if "reward" in line]
    assert steps == [1, 2, 3]
    assert [line["step"] for line in lines(run) if "eval_reward" in line] == [0, 2, 3]
    assert (run / "final_model" / "adapter_model.safetensors").is_file()
    assert (run / "report.html").is_file()
