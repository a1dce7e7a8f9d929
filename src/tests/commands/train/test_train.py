import hashlib
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.runs.json_lines import Metric, Prediction
from src.runs.read import read_run
from src.tests.reports.halves import Halves
from src.tests.runs.schema_keys import unknown_keys
from src.tests.tiny_architectures import write_architecture
from src.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[4]


def run_json(folder, name="tiny_qlora"):
    return json.loads((folder / "outputs" / name / "run.json").read_text(encoding="utf-8"))


def test_a_whole_run(yoyak, tiny):
    result = yoyak("train", "--experiment", "tiny.yaml", "evaluation.generate=true", "training.seed=7")
    assert (result.code, result.err) == (0, "")
    assert "eval: 2 of 2 dialogues are in the training data too" in result.out
    run = tiny / "outputs" / "tiny_qlora"
    files = {"run.json", "metrics.jsonl", "predictions.jsonl", "report.html", "train.log", "final_model"}
    assert files <= {path.name for path in run.iterdir()}
    record = run_json(tiny)
    assert record["status"] == "completed"
    assert record["seed"] == record["config"]["training"]["seed"] == 7
    digest = hashlib.sha256((tiny / "train.csv").read_bytes()).hexdigest()
    assert record["faults"] == {"bad_steps": 0, "rollbacks": 0}
    assert record["data"]["train"] == {
        "sha256": digest,
        "source": "train.csv", "rows": 4, "encoding": "utf-8", "dropped": {}, "duplicate_dialogues": 0, "examples": 4
    }  # fmt: skip
    assert record["data"]["eval"]["trained_on"] == 2
    for stage in ("zero_shot", "fine_tuned"):
        scores = record["scores"][stage]
        assert scores["n"] == 2
        assert scores["tokenization"] == "word"
        assert scores["rouge_sum"] == pytest.approx(scores["rouge1"] + scores["rouge2"] + scores["rougeL"])
        assert scores["rouge_sum_low"] <= scores["rouge_sum"] <= scores["rouge_sum_high"]
        assert scores["chrf_low"] <= scores["chrf"] <= scores["chrf_high"]
    figures = {"loss", "eval_loss", "samples_per_second", "tokens_per_second", "peak_memory_bytes", "wall_seconds"}
    assert all(record["train"][name] > 0 for name in figures)
    assert record["train"]["steps"] == 2
    assert record["truncation"]["train"]["prompts_cut"] == 0
    resolved = {"compute_dtype", "compute_dtype_reason", "threads", "optimizer", "cache_dequantized"}
    assert (
        resolved | {"engine", "engine_reason", "micro_batch_tokens", "gradient_checkpointing"}
        <= record["resolved"].keys()
    )
    page = Halves((run / "report.html").read_text(encoding="utf-8"))
    names = ("tiny_qlora ·", record["device"]["name"])
    assert [text for text in page.faults() if not text.startswith(names)] == []
    assert {"모델이 지원함", "이 CPU에서 잰 속도"} <= {text.partition(":")[0] for text in page.seen["ko"]}
    assert record["settings_changed"]["training.seed"] == {"base": 42, "value": 7}
    assert unknown_keys(read_run(run).record) == []
    lines = [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["fname"] for line in lines] == ["d0", "d1"]
    assert lines[0].keys() == Prediction.model_fields.keys()
    logged = {key for line in (run / "metrics.jsonl").read_text().splitlines() for key in json.loads(line)}
    timed = {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second"}  # the Trainer's
    measured = {"step", "epoch", "loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second"}
    measured |= {"resident_bytes", "processor_busy_percent"}
    assert logged == measured | timed
    assert measured < Metric.model_fields.keys()
    assert "yoyak summarize" in result.out
    logs = list((tiny / "logs").glob("*/train/*.log"))
    assert len(logs) == 1
    assert re.fullmatch(r"logs/\d{8}/train/train_llm_tiny_\d{8}_\d{6}\.log", str(logs[0].relative_to(tiny)))
    assert "Trained 2 steps" in logs[0].read_text(encoding="utf-8")
    assert record["coverage"]["adapters"] == record["coverage"]["4_bit"] == 1
    assert "Of the layers' weights 100% have adapters and 100% are in 4 bit" in logs[0].read_text(encoding="utf-8")


def test_a_run_that_is_hardly_qlora_says_so(yoyak, tiny):
    checkpoint = write_architecture(tiny / "moe", "qwen3_moe")
    result = yoyak("train", "-e", "tiny.yaml", f"model.checkpoint={checkpoint}")
    assert result.code == 0, result.err
    assert run_json(tiny)["coverage"]["in_16_bit"] == {
        "mlp.experts.gate_up_proj": 0.4414,
        "mlp.experts.down_proj": 0.2207,
    }
    log = (tiny / "outputs" / "tiny_qlora" / "train.log").read_text(encoding="utf-8")
    assert "Of the layers' weights 99.3% have adapters and 33.1% are in 4 bit" in log
    assert "QLoRA: 66.2% of the layers' weights stay in 16 bit" in log


def test_the_packed_engine_where_it_cannot_train_is_one_line(yoyak, tiny):
    arguments = ("train", "--experiment", "tiny.yaml", "lora.use_dora=true", "training.max_steps=1")
    refused = yoyak(*arguments, "training.engine=packed")
    assert refused.code == 2
    assert refused.err == "yoyak: training.engine = packed can't train this: DoRA; set training.engine=auto\n"
    assert not (tiny / "outputs" / "tiny_qlora").exists()
    assert yoyak(*arguments).code == 0
    resolved = run_json(tiny)["resolved"]
    assert (resolved["engine"], resolved["engine_reason"]) == ("trainer", "the packed engine can't: DoRA")
    assert (resolved["micro_batch_examples"], resolved["micro_batches_a_step"]) == (2, 1)


def test_another_run_is_refused_unless_overwritten(yoyak, tiny):
    arguments = ("train", "--experiment", "tiny.yaml", "training.max_steps=1")
    assert yoyak(*arguments).code == 0
    started = run_json(tiny)["started"]
    refused = yoyak(*arguments)
    assert refused.code == 2
    assert refused.err.startswith("yoyak: outputs/tiny_qlora: holds a run (completed, ")
    assert "--overwrite" in refused.err
    assert run_json(tiny)["started"] == started
    assert yoyak(*arguments, "experiment.name=other").code == 0
    assert yoyak(*arguments, "--overwrite", "training.seed=1").code == 0
    assert run_json(tiny)["seed"] == 1


def test_a_run_whose_replacement_was_killed_comes_back(yoyak, tiny):
    kept, killed = tiny / "outputs" / ".tiny_qlora.replaced", tiny / "outputs" / "tiny_qlora"
    for folder, status in ((kept, "completed"), (killed, "running")):
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"name": "tiny_qlora", "status": status}))
    refused = yoyak("train", "--experiment", "tiny.yaml")
    assert (refused.code, refused.err.split("(")[0]) == (2, "yoyak: outputs/tiny_qlora: holds a run ")
    assert run_json(tiny)["status"] == "completed"
    assert not kept.exists()


def test_a_folder_that_holds_no_run_is_left_alone(yoyak, tiny):
    mine = tiny / "outputs" / "tiny_qlora" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = yoyak("train", "--experiment", "tiny.yaml")
    assert result.code == 2
    assert "is there already and holds no run" in result.err
    assert yoyak("train", "--experiment", "tiny.yaml", "--overwrite").code == 2
    assert mine.read_text() == "mine"


def test_an_early_failure_keeps_the_earlier_run_and_frees_the_name(yoyak, tiny):
    missing = ("train", "--experiment", "tiny.yaml", "data.train=missing.csv", "--overwrite")
    assert yoyak(*missing).code == 2
    assert not (tiny / "outputs" / "tiny_qlora").exists()
    assert yoyak("train", "--experiment", "tiny.yaml", "training.max_steps=1").code == 0
    started = run_json(tiny)["started"]
    assert yoyak(*missing).code == 2
    assert run_json(tiny)["started"] == started
    assert (tiny / "outputs" / "tiny_qlora" / "final_model" / "adapter_model.safetensors").exists()
    assert [path.name for path in (tiny / "outputs").iterdir()] == ["tiny_qlora"]
    failure = "missing.csv"
    assert any(failure in path.read_text(encoding="utf-8") for path in (tiny / "logs").glob("*/train/*.log"))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "tiny_qlora"),
        (("--no-use_qlora",), "tiny_lora"),
        (("lora.use_qlora=false",), "tiny_lora"),
        (("lora.use_lora=false",), "tiny_full"),
        (("--no-use_qlora", "experiment.name=mine_qlora"), "mine_qlora"),
    ],
)
def test_the_name_tells_the_kind_of_adapter(yoyak, tiny, arguments, name):
    """Also trap 22: 4 bit can be switched off."""
    assert yoyak("train", "--experiment", "tiny.yaml", "training.max_steps=1", *arguments).code == 0
    record = run_json(tiny, name)
    assert record["config"]["lora"]["use_qlora"] is (name == "tiny_qlora")
    final = tiny / "outputs" / name / "final_model"
    assert (final / "adapter_model.safetensors").exists() is (name != "tiny_full")


def test_debug_is_small_without_trackers_and_may_be_replaced(yoyak, tiny):
    Path("tiny.yaml").write_text(Path("tiny.yaml").read_text().replace("report_to: []", "report_to: [tensorboard]"))
    arguments = ("train", "--experiment", "tiny.yaml", "--debug")
    assert yoyak(*arguments).code == 0
    record = run_json(tiny)
    assert record["debug"] is True
    training = record["config"]["training"]
    assert (training["epochs"], training["batch_size"], training["report_to"]) == (1, 2, [])
    data = record["config"]["data"]
    assert (data["max_train_examples"], data["max_eval_examples"]) == (50, 10)
    assert yoyak(*arguments, "data.max_train_examples=3", "training.batch_size=3").code == 0  # what is typed counts
    config = run_json(tiny)["config"]
    assert (config["data"]["max_train_examples"], config["training"]["batch_size"]) == (3, 3)


def test_augmentation_is_for_training_data_only(yoyak, tiny):
    assert (
        yoyak("train", "--experiment", "tiny.yaml", "--use_instruction_augmentation", "training.max_steps=1").code == 0
    )
    data = run_json(tiny)["data"]
    assert (data["train"]["examples"], data["eval"]["examples"]) == (20, 2)


def test_a_low_rate_is_named_with_a_better_one(yoyak, tiny):
    low = yoyak("train", "--experiment", "tiny.yaml", "training.learning_rate=2e-5", "training.max_steps=1")
    assert "training.learning_rate = 2e-05 is low for LoRA" in low.out
    assert "try training.learning_rate=2e-4" in low.out
    fine = yoyak("train", "--experiment", "tiny.yaml", "training.max_steps=1", "--overwrite")
    assert "low for LoRA" not in fine.out


def test_a_new_run_from_an_existing_adapter(yoyak, tiny):
    assert yoyak("train", "--experiment", "tiny.yaml").code == 0
    adapter = "lora.adapter=outputs/tiny_qlora/final_model"
    for setting, said in (
        ("lora.r=32", "lora.r: outputs/tiny_qlora/final_model has 4, and stays as it is; leave it out"),
        ("lora.target_modules=[q_proj]", "has ['down_proj', "),
        ("lora.init=gaussian", "lora.init: outputs/tiny_qlora/final_model has its start already; leave it out"),
        ("lora.use_lora=false", "lora.adapter without lora.use_lora: all weights train, no adapter; leave one out"),
    ):
        refused = yoyak("train", "--experiment", "tiny.yaml", "experiment.name=more", adapter, setting)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert said in refused.err
    other = Path("tiny.yaml").read_text().replace("  r: 4", "  r: 16\n  dropout: 0.3")
    Path("other.yaml").write_text(other)
    assert yoyak("train", "--experiment", "other.yaml", "experiment.name=more", adapter, "lora.r=4").code == 0
    record = run_json(tiny, "more")
    assert record["train"]["loss"] < run_json(tiny)["train"]["loss"]
    assert {name: record["config"]["lora"][name] for name in ("r", "dropout")} == {"r": 4, "dropout": 0.05}


def test_summarize_and_evaluate_with_the_adapter_alone(yoyak, tiny):
    assert yoyak("train", "--experiment", "tiny.yaml", "evaluation.generate=true").code == 0
    final = "outputs/tiny_qlora/final_model"
    written = json.loads((tiny / "outputs" / "tiny_qlora" / "predictions.jsonl").read_text().splitlines()[0])
    summary = yoyak("summarize", written["dialogue"], "--adapter", final, "--json")
    assert summary.code == 0
    assert json.loads(summary.out)["summary"] == written["fine_tuned"]
    scores = json.loads(yoyak("evaluate", "--adapter", final, "--json").out)["scores"]
    assert scores["rouge_sum"]["value"] == pytest.approx(run_json(tiny)["scores"]["fine_tuned"]["rouge_sum"])
    base = json.loads(yoyak("evaluate", "--experiment", "tiny.yaml", "--json").out)["scores"]
    assert base["rouge_sum"]["value"] == pytest.approx(run_json(tiny)["scores"]["zero_shot"]["rouge_sum"])


def test_the_script_is_the_same_command(yoyak, tiny, monkeypatch, capsys):
    script = ROOT / "scripts" / "train_llm.py"
    arguments = ["--experiment", "tiny.yaml", "--no-use_qlora", "training.max_steps=1"]
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(script), run_name="__main__")
    assert (stop.value.code or 0, capsys.readouterr().err) == (0, "")
    assert run_json(tiny, "tiny_lora")["status"] == "completed"


@pytest.mark.slow
def test_interrupt_leaves_a_usable_checkpoint_and_a_sentence(tiny):
    command = [sys.executable, "-m", "src.cli", "train", "--experiment", str(tiny / "tiny.yaml")]
    settings = ["training.max_steps=5000", "training.epochs=10000", "training.eval_steps=2500"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, *settings], cwd=tiny, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    metrics = tiny / "outputs" / "tiny_qlora" / "metrics.jsonl"
    wait_until(process, lambda: metrics.exists() and metrics.stat().st_size)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    stopped = re.search(r"Stopped after step (\d+) of training; its state is in (\S+)", out)
    assert stopped
    assert run_json(tiny)["status"] == "interrupted"
    checkpoint = tiny / stopped[2]
    assert checkpoint.name == f"checkpoint-{stopped[1]}"
    assert (checkpoint / "adapter_model.safetensors").stat().st_size > 0
    assert not (tiny / "outputs" / "tiny_qlora" / "final_model").exists()
