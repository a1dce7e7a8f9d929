import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch

from src.commands.train.resume import EarlierRun, other_surroundings
from src.models import compute
from src.runs import record
from src.runs.schema import RunRecord
from src.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[4]
TRAIN = ("train", "--experiment", "tiny.yaml")
ADAPTER = "final_model/adapter_model.safetensors"


def run_json(folder, name="tiny_qlora"):
    return json.loads((folder / "outputs" / name / "run.json").read_text(encoding="utf-8"))


def signalled(folder, number, *settings, once="metrics.jsonl", times=1):
    """Train in another process, send it signals once a file of the run is there; return its exit code and output."""
    command = [sys.executable, "-m", "src.cli", *TRAIN, *settings]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    awaited = folder / "outputs" / "tiny_qlora" / once
    wait_until(process, lambda: awaited.exists() and awaited.stat().st_size)
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.01)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in out + err
    return process.returncode, out


def test_a_run_from_nothing_to_its_end_and_once_more(yoyak, tiny):
    first = yoyak(*TRAIN, "--resume", "training.max_steps=1")
    assert (first.code, first.err) == (0, "")
    assert "resumed" not in run_json(tiny)
    adapter = tiny / "outputs" / "tiny_qlora" / ADAPTER
    written = adapter.stat().st_mtime_ns
    again = yoyak(*TRAIN, "--resume", "training.max_steps=1", "training.logging_steps=5")
    assert (again.code, again.err) == (0, "")
    assert again.out == "outputs/tiny_qlora: is complete, nothing to do\n"
    assert adapter.stat().st_mtime_ns == written
    with (tiny / "train.csv").open("a") as file:
        file.write("more,A: hi,They greet.\n")
    assert yoyak(*TRAIN, "--resume", "training.max_steps=1").out == (
        f"{again.out}train.csv: is not what outputs/tiny_qlora was trained on; --overwrite trains anew\n"
    )


def test_another_run_is_refused_before_anything_is_loaded(yoyak, tiny):
    assert yoyak(*TRAIN, "training.max_steps=1").code == 0
    before = (tiny / "outputs" / "tiny_qlora" / "run.json").read_bytes()
    shutil.rmtree(tiny / "base")
    refused = yoyak(*TRAIN, "--resume", "training.max_steps=2", "lora.r=8", "training.save_steps=1")
    assert refused.code == 2
    assert refused.err == (
        "yoyak: outputs/tiny_qlora: can't go on, this is another run: lora.r is 8, was 4; training.max_steps is 2, "
        "was 1; set it back, or begin anew with --overwrite or another experiment.name\n"
    )
    assert (tiny / "outputs" / "tiny_qlora" / "run.json").read_bytes() == before


def test_resume_and_overwrite_exclude_each_other(yoyak, tiny):
    refused = yoyak(*TRAIN, "--resume", "--overwrite")
    assert refused.code == 2
    assert refused.err == "yoyak: --resume goes on with a run and --overwrite replaces it; leave one out\n"


def test_a_folder_that_holds_no_run_is_left_alone(yoyak, tiny):
    mine = tiny / "outputs" / "tiny_qlora" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    refused = yoyak(*TRAIN, "--resume")
    assert refused.code == 2
    assert refused.err == "yoyak: outputs/tiny_qlora: holds no run to go on with; set experiment.name=OTHER\n"
    assert mine.read_text() == "mine"


def test_packages_that_are_new_gone_or_of_another_version_are_named(monkeypatch):
    device = record.device_description()
    before = {"python": "3.11", "torch": "2.12", "fla-core": "0.4"}
    earlier = EarlierRun(RunRecord(versions=before, device=device))
    monkeypatch.setattr(record, "package_versions", lambda: {"python": "3.11", "torch": "2.13", "triton": "3.5"})
    assert other_surroundings(earlier) == [
        "torch 2.13, was 2.12",
        "fla-core not installed, was 0.4",
        "triton 3.5, was not installed",
    ]
    assert other_surroundings(EarlierRun(RunRecord(device=device))) == []  # nothing is known of it


def test_a_run_that_died_in_its_first_moment_begins_anew(yoyak, tiny):
    folder = tiny / "outputs" / "tiny_qlora"
    folder.mkdir(parents=True)
    (folder / "train.log").write_text("")
    assert yoyak(*TRAIN, "--resume", "training.max_steps=1").code == 0
    assert run_json(tiny)["status"] == "completed"


def replace_base_model(folder):
    """Put another model of the same shape in the place of the base model."""
    weights = safetensors.torch.load_file(folder / "base" / "model.safetensors")
    turned = {name: weight.flip(0).contiguous() for name, weight in weights.items()}
    safetensors.torch.save_file(turned, folder / "base" / "model.safetensors", {"format": "pt"})


def test_a_base_model_replaced_before_the_first_checkpoint_makes_summaries_of_its_own(yoyak, tiny, monkeypatch):
    folder, settings = tiny / "outputs" / "tiny_qlora", ("training.max_steps=1", "evaluation.generate=true")

    def stopped(trainer):
        (folder / "metrics.jsonl").write_text('{"step": 0}\n')
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("src.training.llm_trainer.LLMTrainer.train", stopped)
        assert yoyak(*TRAIN, *settings).code == 130
    kept = json.loads((folder / "zero_shot.json").read_text())
    kept["summaries"][0] = "They greet."
    (folder / "zero_shot.json").write_text(json.dumps(kept))
    replace_base_model(tiny)
    resumed = yoyak(*TRAIN, *settings, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    first = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first)["zero_shot"] != "They greet."


def test_a_base_model_replaced_after_a_checkpoint_is_refused_before_it_generates(yoyak, tiny, monkeypatch):
    folder, settings = tiny / "outputs" / "tiny_qlora", ("training.max_steps=1", "evaluation.generate=true")
    assert yoyak(*TRAIN, *settings).code == 0
    record = run_json(tiny)
    (folder / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    replace_base_model(tiny)
    monkeypatch.setattr("src.inference.scored.evaluate_model", lambda *_: pytest.fail("has generated"))
    refused = yoyak(*TRAIN, *settings, "--resume")
    assert refused.code == 2
    assert "base has other weights; set it back, or begin anew" in refused.err
    assert run_json(tiny)["scores"] == record["scores"]


@pytest.mark.slow
def test_sigterm_then_resume_ends_as_an_uninterrupted_run(yoyak, tiny):
    """Also: an interrupted run names --resume, and what the base model generated is not generated again.

    The first process measures which type is faster, the others, in this one, don't: the type is set.
    """
    settings = ["training.epochs=8", "evaluation.generate=true", "data.instruction_augmentation=true"]
    settings += ["model.dtype=fp32"]
    code, out = signalled(tiny, signal.SIGTERM, *settings)
    assert code == 143
    stopped = re.search(r"Stopped after step (\d+) of training; its state is in (\S+)", out)
    assert stopped
    assert int(stopped[1]) < 80
    first = run_json(tiny)
    assert first["status"] == "interrupted"
    assert "pass --overwrite to replace it, --resume to go on with it" in yoyak(*TRAIN, *settings).err
    kept = tiny / "outputs" / "tiny_qlora" / "zero_shot.json"
    marked = json.loads(kept.read_text())
    marked |= {"summaries": ["They greet.", *marked["summaries"][1:]], "mbr_temperature": 0.7}
    kept.write_text(json.dumps(marked))
    resumed = yoyak(*TRAIN, *settings, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert f"Going on from {stopped[2]}" in resumed.out
    after = run_json(tiny)
    assert [one["step"] for one in after["resumed"]] == [int(stopped[1])]
    assert (after["status"], after["started"], after["train"]["steps"]) == ("completed", first["started"], 80)
    assert after["resolved"] == first["resolved"]
    predictions = (tiny / "outputs" / "tiny_qlora" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(predictions[0])["zero_shot"] == "They greet."
    assert after["scores"]["zero_shot"]["mbr_temperature"] == 0.7
    assert not kept.exists()
    assert yoyak(*TRAIN, *settings, "experiment.name=whole", "evaluation.generate=false").code == 0
    ends = [(tiny / "outputs" / name / ADAPTER).read_bytes() for name in ("tiny_qlora", "whole")]
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_a_second_ctrl_c_leaves_at_once(tiny):
    once = "checkpoints/checkpoint-1/manifest.json"
    settings = ("training.epochs=40000", "training.save_steps=1")
    assert signalled(tiny, signal.SIGINT, *settings, once=once, times=2)[0] == 130
    assert run_json(tiny)["status"] == "interrupted"
    from src.training.state.checkpoints import find_checkpoint

    checkpoint, damaged = find_checkpoint(tiny / "outputs" / "tiny_qlora" / "checkpoints")
    assert checkpoint is not None
    assert damaged == []


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(yoyak, tiny):
    settings = ("training.max_steps=3", "training.epochs=9", "training.save_steps=1")
    assert yoyak(*TRAIN, *settings).code == 0
    run = tiny / "outputs" / "tiny_qlora"
    before = (run / ADAPTER).read_bytes()
    shutil.rmtree(run / "final_model")  # as after a kill in the midst of the last save
    os.truncate(run / "checkpoints" / "checkpoint-3" / "adapter_model.safetensors", 50)
    resumed = yoyak(*TRAIN, *settings, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert "Not used: outputs/tiny_qlora/checkpoints/checkpoint-3: adapter_model.safetensors has 50 of " in resumed.out
    assert "Going on from outputs/tiny_qlora/checkpoints/checkpoint-2" in resumed.out
    assert (run / ADAPTER).read_bytes() == before


def test_a_run_goes_on_in_the_type_that_it_began_in(yoyak, tiny, monkeypatch):
    """Whatever is faster on the machine by what is measured now."""
    settings = ("training.max_steps=2", "training.epochs=9", "training.save_steps=1")
    monkeypatch.setattr(compute, "cpu_product_rates", lambda: {"fp32": 30.0, "bf16": 60.0})
    assert yoyak(*TRAIN, *settings).code == 0
    run = tiny / "outputs" / "tiny_qlora"
    before = (run / ADAPTER).read_bytes()
    shutil.rmtree(run / "final_model")
    shutil.rmtree(run / "checkpoints" / "checkpoint-2")
    monkeypatch.setattr(compute, "cpu_product_rates", lambda: {"fp32": 60.0, "bf16": 30.0})
    resumed = yoyak(*TRAIN, *settings, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert "Going on from outputs/tiny_qlora/checkpoints/checkpoint-1" in resumed.out
    assert run_json(tiny)["resolved"]["compute_dtype"] == "bf16"
    assert (run / ADAPTER).read_bytes() == before


def test_without_a_whole_checkpoint_training_begins_at_step_0(yoyak, tiny):
    assert yoyak(*TRAIN, "training.max_steps=2").code == 0
    run = tiny / "outputs" / "tiny_qlora"
    before = (run / ADAPTER).read_bytes()
    shutil.rmtree(run / "final_model")
    for checkpoint in (run / "checkpoints").iterdir():
        (checkpoint / "manifest.json").unlink()
    resumed = yoyak(*TRAIN, "training.max_steps=2", "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert "No whole checkpoint: training begins at step 0" in resumed.out
    assert (run / ADAPTER).read_bytes() == before
    assert [line.count('"step": 1,') for line in (run / "metrics.jsonl").read_text().splitlines()].count(1) == 1


def test_a_checkpoint_with_a_pickle_is_refused(yoyak, tiny):
    assert yoyak(*TRAIN, "training.max_steps=1").code == 0
    run = tiny / "outputs" / "tiny_qlora"
    shutil.rmtree(run / "final_model")
    (run / "checkpoints" / "checkpoint-1" / "optimizer.pt").write_bytes(b"\x80\x04N.")
    refused = yoyak(*TRAIN, "training.max_steps=1", "--resume")
    assert refused.code == 2
    assert refused.err.startswith(
        "yoyak: outputs/tiny_qlora/checkpoints/checkpoint-1: optimizer.pt is a pickle, which can run code"
    )


def test_changed_data_are_named(yoyak, tiny):
    assert yoyak(*TRAIN, "training.max_steps=1").code == 0
    run = tiny / "outputs" / "tiny_qlora"
    shutil.rmtree(run / "final_model")
    with (tiny / "dev.csv").open("a", encoding="utf-8") as file:
        file.write("d9,A: More.,A says more.\n")
    refused = yoyak(*TRAIN, "training.max_steps=1", "--resume")
    assert refused.code == 2
    assert f"this is another run: data.eval {tiny}/dev.csv gives other examples; " in refused.err
    assert run_json(tiny)["status"] == "failed"
    assert (run / "checkpoints" / "checkpoint-1").is_dir()


@pytest.mark.slow
def test_a_fold_that_stopped_goes_on(yoyak, tiny):
    settings = ("--folds", "2", "training.max_steps=2", "training.save_steps=1")
    assert yoyak(*TRAIN, *settings).code == 0
    fold = tiny / "outputs" / "tiny_qlora" / "fold_1"
    shutil.rmtree(fold / "final_model")
    earlier = json.loads((fold / "run.json").read_text(encoding="utf-8"))
    (fold / "run.json").write_text(json.dumps(earlier | {"status": "running"}), encoding="utf-8")
    resumed = yoyak(*TRAIN, *settings, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert json.loads((fold / "run.json").read_text(encoding="utf-8"))["resumed"][0]["step"] == 2
