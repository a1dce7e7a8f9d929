"""`yoyak evaluate`, `yoyak summarize` and folds on two processes of the CPU: what one makes, written and said once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from src.tests.commands.conftest import write_csv
from src.tests.waiting import wait_until

pytestmark = pytest.mark.slow  # each starts processes; what they share is in training/several/test_steps.py too
ROOT = Path(__file__).resolve().parents[3]
ROWS = 5
BASE = ("-e", "tiny.yaml", "--zero-shot", "data.eval=some.csv", "model.dtype=fp32", "--max-new-tokens", "6")
MBR = ("generation.mbr_samples=2", "generation.mbr_temperature=1.0")
TWO = ("--processes", "2")


@pytest.fixture
def some(tiny):
    """The tiny model's folder with a table of uneven dialogues."""
    dialogues = [f"A: Is it number {index}?\nB: {'No, no. ' * (index * 3 % 5)}Yes." for index in range(ROWS)]
    write_csv(tiny / "some.csv", dialogues, [f"It is number {index}." for index in range(ROWS)])
    return tiny


def started(folder, *arguments, by=("-m", "src.cli")):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *by, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def ended(process):
    out, err = process.communicate(timeout=600)  # of a machine that others use too
    return process.returncode, out, err


def test_two_processes_evaluate_as_one_does_and_say_all_once(yoyak, some):
    alone = yoyak("evaluate", *BASE, *MBR, "--out", "one.jsonl", "--json")
    assert alone.code == 0, alone.err
    code, out, err = ended(started(some, "evaluate", *BASE, *MBR, "--out", "two.jsonl", "--json", *TWO))
    assert (code, json.loads(out)) == (0, json.loads(alone.out)), err
    assert (some / "two.jsonl").read_bytes() == (some / "one.jsonl").read_bytes()
    settings = [json.loads((some / f"{name}.jsonl.settings.json").read_text()) for name in ("one", "two")]
    assert settings[0] == settings[1]
    assert [line.split(" in ")[0] for line in err.splitlines()] == [
        f"Loading {some}/base ...", f"{ROWS} summaries", "Summaries: two.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "rows"),
    [(("--num-beams", "3"), ROWS), ((), ROWS), ((), 1), (MBR, 1)],
    ids=["beams", "greedy", "one", "mbr"],
)
def test_what_three_processes_write_is_what_one_writes(yoyak, some, how, rows):
    """With one row two ranks have none."""
    most = f"data.max_eval_examples={rows}"
    assert yoyak("evaluate", *BASE, *how, most, "--out", "one.csv").code == 0
    code, _, err = ended(started(some, "evaluate", *BASE, *how, most, "--out", "three.csv", "--processes", "3"))
    assert code == 0, err
    assert (some / "three.csv").read_bytes() == (some / "one.csv").read_bytes()


def test_a_table_is_dealt_out_into_a_file_or_to_standard_output(yoyak, some):
    how = ("summarize", "some.csv", "-e", "tiny.yaml", "model.dtype=fp32", "--max-new-tokens", "6")
    alone = yoyak(*how)
    code, out, err = ended(started(some, *how, *TWO))
    assert (code, out) == (0, alone.out), err
    assert err.count("Loading ") == 1
    assert yoyak(*how, "--out", "one.csv").code == 0
    code, out, err = ended(started(some, *how, "--out", "two.csv", *TWO))
    assert (code, out) == (0, ""), err
    assert (some / "two.csv").read_bytes() == (some / "one.csv").read_bytes()
    assert err.count(f"{ROWS} summaries in two.csv, column generated_summary") == 1


def test_several_models_and_what_is_there_already(yoyak, some):
    for seed in (1, 2, 3):
        name = f"experiment.name=model{seed}"
        assert yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", f"training.seed={seed}", name).code == 0
    finals = [f"outputs/model{seed}/final_model" for seed in (1, 2, 3)]
    how = ("evaluate", "--adapter", finals[0], "--also", finals[1], "--also", finals[2], "data.eval=some.csv", "--json")
    alone = yoyak(*how, "model.dtype=fp32", "--out", "one.jsonl")
    (some / "outputs/model1/evaluation").rename(some / "outputs/model1/apart")
    code, out, err = ended(started(some, *how, "model.dtype=fp32", "--out", "two.jsonl", *TWO))
    assert (code, json.loads(out)) == (0, json.loads(alone.out)), err
    assert (some / "two.jsonl").read_bytes() == (some / "one.jsonl").read_bytes()
    assert err.count("for 3 times the work") == 1
    again = ended(started(some, *how, "model.dtype=fp32", "--out", "again.jsonl", *TWO))
    assert again[0] == 0
    assert again[2].count(f" has {ROWS} of {ROWS} summaries already") == 3


def test_a_rank_that_is_killed_is_named_and_the_same_command_goes_on(some):
    dialogues = [f"A: Is it number {index}?\nB: Yes." for index in range(400)]
    write_csv(some / "some.csv", dialogues, ["It is."] * 400)
    how = ("evaluate", *BASE, "--max-new-tokens", "24", "--out", "two.jsonl", "--json", "--batch-size", "4", *TWO)
    process = started(some, *how)
    written = some / "two.jsonl"
    wait_until(process, lambda: written.exists() and written.read_bytes().count(b"\n") > 150)
    children = sorted(psutil.Process(process.pid).children(), key=lambda child: child.create_time())
    children[1].send_signal(signal.SIGKILL)
    code, out, err = ended(process)
    assert (code, out) == (1, "")
    why = "was killed (SIGKILL), by someone or since the machine's memory was full"
    assert err.splitlines()[-1] == f"yoyak: rank 1 of 2: {why}"
    there = (some / "two.jsonl").read_bytes().count(b"\n")
    assert 128 < there < 400
    code, out, err = ended(started(some, *how))
    assert (code, json.loads(out)["n"]) == (0, 400), err
    assert f"two.jsonl has {there} of 400 summaries already" in err
    rows = [json.loads(line)["fname"] for line in (some / "two.jsonl").read_text().splitlines()]
    assert rows == [f"d{index}" for index in range(400)]


def test_a_launchers_processes_share_the_work_where_they_have_the_same_command(some):
    torchrun = ("-m", "torch.distributed.run", "--nproc_per_node", "2")
    code, out, err = ended(started(some, "-m", "src.cli", "evaluate", *BASE, "--json", by=torchrun))
    assert (code, json.loads(out)["n"]) == (0, ROWS), err
    assert err.count("Loading ") == 1
    (some / "other.py").write_text(
        "import os, sys; from src.cli import main; main([*sys.argv[1:], '--out', os.environ['RANK'] + '.jsonl'])"
    )
    code, out, err = ended(started(some, "other.py", "evaluate", *BASE, "--json", by=torchrun))
    assert (code, out) == (1, "")
    assert "torchrun has started processes whose commands differ (rank 1's from rank 0's), and together " in err
    assert not list(some.glob("?.jsonl"))


def test_two_processes_train_folds_as_one_does(yoyak, some):
    how = (
        "train",
        "-e",
        "tiny.yaml",
        "--folds",
        "2",
        "model.dtype=fp32",
        "training.max_steps=2",
        "evaluation.generate=true",
    )
    assert yoyak(*how, "experiment.name=one").code == 0
    code, out, err = ended(started(some, *how, "experiment.name=two", *TWO))
    assert (code, err) == (0, "")
    one, two = (json.loads((some / "outputs" / name / "folds.json").read_text()) for name in ("one", "two"))
    for name, value in one["mean"].items():
        assert two["mean"][name] == pytest.approx(value, rel=1e-5), name
    assert two["ensemble"]["scores"] == one["ensemble"]["scores"]
    for fold in ("fold_0", "fold_1"):
        record = json.loads((some / "outputs" / "two" / fold / "run.json").read_text())
        assert (record["status"], record["resolved"]["processes"]) == ("completed", 2)
        data = [(some / "outputs" / name / "data" / f"{fold}_train.jsonl").read_bytes() for name in ("one", "two")]
        assert data[0] == data[1]
    assert out.count("Fold 1 of 2") == out.count("Fold 2 of 2") == out.count("Ensemble of 2 folds") == 1
    predictions = [(some / "outputs" / name / "predictions.jsonl").read_text() for name in ("one", "two")]
    assert predictions[0] == predictions[1]
    code, out, err = ended(started(some, *how, "experiment.name=two", *TWO))
    assert (code, err, out.count("is complete and kept")) == (0, "", 2)
