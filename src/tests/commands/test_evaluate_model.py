"""`yoyak evaluate` with a model: what it saves, from where it goes on, and what it refuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.tests.commands.conftest import write_csv
from src.tests.tiny_models import DIALOGUES, SUMMARIES, write_tiny_model
from src.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
FINAL = "outputs/tiny_qlora/final_model"
DEV = Path("outputs/tiny_qlora/evaluation/dev.jsonl")
MANY = 60


@pytest.fixture
def trained(trained_once):
    return trained_once("training.max_steps=1")


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def many_dialogues(folder):
    dialogues = [f"A: Is it number {index}?\nB: {'No, no. ' * (index % 7)}Yes." for index in range(MANY)]
    return write_csv(folder / "many.csv", dialogues, [f"It is number {index}." for index in range(MANY)])


def test_predictions_are_saved_and_reused(yoyak, trained):
    first = yoyak("evaluate", "--adapter", FINAL, "--json")
    report = json.loads(first.out)
    assert report["n"] == 2
    assert set(report["scores"]["rouge_sum"]) == {"value", "low", "high"}
    rows = lines(DEV)
    assert [row["fname"] for row in rows] == ["d0", "d1"]
    assert [row["reference"] for row in rows] == SUMMARIES[:2]
    assert [row["dialogue"] for row in rows] == DIALOGUES[:2]
    assert all(isinstance(row["summary"], str) for row in rows)
    assert all(isinstance(row[name], bool) for row in rows for name in ("ended", "looped"))
    assert str(DEV) in first.err
    written = DEV.read_bytes()
    again = yoyak("evaluate", "--adapter", FINAL, "--json", "--tokenization", "char", "--batch-size", "1")
    assert json.loads(again.out)["tokenization"] == "char"
    assert "outputs/tiny_qlora/evaluation/dev.jsonl has 2 of 2 summaries already" in again.err
    assert "Loading" not in again.err
    assert DEV.read_bytes() == written
    files = ("--predictions", DEV, "--references", "dev.csv", "--json")
    assert json.loads(yoyak("evaluate", *files).out)["scores"] == report["scores"]


def test_loops_are_counted_where_all_rows_tell(yoyak, trained):
    """Of summaries that were made before, and of those that an older version made."""

    def looped():
        report = json.loads(yoyak("evaluate", "--adapter", FINAL, "--json").out)
        files = yoyak("evaluate", "--predictions", DEV, "--references", "dev.csv", "--json")
        assert json.loads(files.out)["checks"]["looped"] == report["checks"]["looped"]
        return report["checks"]["looped"]

    assert looped() == {"count": 0, "fnames": []}
    first, second = lines(DEV)
    DEV.write_text("".join(json.dumps(row) + "\n" for row in (first | {"looped": True}, second)))
    assert looped() == {"count": 1, "fnames": ["d0"]}
    assert "that ended in a loop" in yoyak("evaluate", "--adapter", FINAL).out
    del first["looped"]
    DEV.write_text("".join(json.dumps(row) + "\n" for row in (first, second)))
    assert looped() is None
    assert "that ended in a loop" not in yoyak("evaluate", "--adapter", FINAL).out


def test_settings_of_another_adapter_are_refused(yoyak, trained):
    for setting, said in (
        ("lora.alpha=64", f"lora.alpha: {FINAL} has 32, and stays as it is; leave it out"),
        ("lora.init=gaussian", f"lora.init: {FINAL} has its start already; leave it out"),
    ):
        for command in (["evaluate"], ["summarize", "A: Hi."], ["evaluate", "-e", "tiny.yaml"]):
            refused = yoyak(*command, "--adapter", FINAL, setting)
            assert (refused.code, refused.err) == (2, f"yoyak: {said}\n")
    refused = yoyak("evaluate", "--adapter", FINAL, "--zero-shot", "lora.alpha=64")
    assert refused.err == "yoyak: lora.alpha is of an adapter, and the model has none; leave it out\n"
    assert yoyak("evaluate", "--adapter", FINAL, "lora.r=4").code == 0


def test_a_setting_that_changes_nothing_is_said(yoyak, trained):
    line = "generation.temperature is without effect: tokens are drawn with generation.do_sample=true\n"
    greedy = yoyak("evaluate", "--adapter", FINAL, "generation.temperature=0.5")
    assert (greedy.code, greedy.err.count(line)) == (0, 1)
    drawn = ("generation.temperature=0.5", "generation.do_sample=true", "--overwrite")
    assert "without effect" not in yoyak("evaluate", "--adapter", FINAL, *drawn).err
    one = yoyak("summarize", "A: Hi.", "--adapter", FINAL, "generation.temperature=0.5")
    assert (one.code, one.err.count(line)) == (0, 1)
    trained_so = ("evaluation.generate=true", "training.max_steps=1", "experiment.name=other")
    assert yoyak("train", "-e", "tiny.yaml", *trained_so, "generation.temperature=0.5").out.count(line) == 1


def test_zero_shot_leaves_the_adapter_out(yoyak, trained):
    shutil.rmtree(trained / "outputs" / "tiny_qlora" / "checkpoints")
    base = json.loads(yoyak("evaluate", "-e", "tiny.yaml", "--zero-shot", "--json").out)
    zero_shot = DEV.with_name("dev_zero_shot.jsonl")
    summaries = [row["summary"] for row in lines(zero_shot)]
    zero_shot.unlink()
    both = yoyak("evaluate", "--adapter", FINAL, "--zero-shot", "--json")
    assert json.loads(both.out)["scores"] == base["scores"]
    assert [row["summary"] for row in lines(zero_shot)] == summaries
    assert not DEV.exists()
    unnamed = yoyak("evaluate", "-e", "tiny.yaml")
    assert "No adapter is named: the base model is scored. For the trained one: --adapter outputs" in unnamed.err
    assert "2 of 2 summaries" in unnamed.err


def test_a_split_and_a_file_of_ones_own(yoyak, trained):
    csv = yoyak(
        "evaluate", "--adapter", FINAL, "--split", "train", "--out", "mine/train.csv", "data.max_train_examples=3"
    )
    assert (csv.code, "3 dialogues" in csv.out) == (0, True)
    text = (trained / "mine" / "train.csv").read_text(encoding="utf-8")
    assert text.startswith("fname,topic,dialogue,reference,summary,ended,looped\nd0,,")
    wrong = yoyak("evaluate", "--adapter", FINAL, "--split", "test")
    assert (wrong.code, "--split test: choose dev (data.eval) or train" in wrong.err) == (2, True)


def test_an_adapter_of_another_program_names_its_base(yoyak, trained):
    """As PEFT writes it: the line says what to add, and with it the adapter is used."""
    shutil.copytree(FINAL, "foreign")
    Path("foreign/yoyak.yaml").unlink()
    settings = json.loads(Path("foreign/adapter_config.json").read_text())

    def asked(base):
        Path("foreign/adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": base}))
        refused = yoyak("evaluate", "--adapter", "foreign")
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
        return refused.err.removeprefix("yoyak: foreign: no yoyak.yaml, so its ").rstrip()

    assert asked("google/gemma-3-1b-it").endswith("is google/gemma-3-1b-it; add --experiment gemma3_1b")
    assert asked(None) == "base model is not known; add --experiment NAME"
    base = str(trained / "base")
    advice = f"--experiment NAME model.checkpoint={base}"
    assert asked(base) == f"prompt is not known; its base model is {base}; add {advice}"
    words = advice.replace("NAME", "tiny.yaml").split()
    used = yoyak("evaluate", "--adapter", "foreign", *words, "--out", "foreign.jsonl")
    assert (used.code, "trained on" in used.err) == (0, False)


def test_a_baseline(yoyak, trained):
    assert yoyak("evaluate", "--adapter", FINAL, "--zero-shot").code == 0
    zero_shot = DEV.with_name("dev_zero_shot.jsonl")
    report = json.loads(yoyak("evaluate", "--adapter", FINAL, "--baseline", zero_shot, "--json").out)
    assert report["baseline"]["differences"]["rouge_sum"]["n"] == 2
    older = write_csv(trained / "older.csv", [DIALOGUES[0], "A: Other."], SUMMARIES[:2])
    said = yoyak("evaluate", "--adapter", FINAL, "--baseline", older).err
    assert f"{older}: 1 of 2 rows have another dialogue in {trained / 'dev.csv'}, such as d1.\n" in said
    short = write_csv(trained / "short.csv", DIALOGUES[:1], SUMMARIES[:1])
    for arguments, said in (
        ((short,), "short.csv: 1 of 2 dialogues are not in it, such as d1"),
        (("none.jsonl",), "none.jsonl: no such file"),
        ((DEV,), f"--baseline {DEV}: holds the summaries that are scored; name another file"),
        (
            (zero_shot, "--baseline-column", "text"),
            "no column 'text'; its columns are fname, topic, dialogue, reference",
        ),
    ):
        refused = yoyak("evaluate", "--adapter", FINAL, "--baseline", *arguments)
        assert (refused.code, said in refused.err, refused.err.count("\n")) == (2, True, 1)


def test_other_settings_data_or_adapter_do_not_mix(yoyak, trained):
    assert yoyak("evaluate", "--adapter", FINAL).code == 0
    written = DEV.read_bytes()
    beams = yoyak("evaluate", "--adapter", FINAL, "--num-beams", "2")
    assert beams.code == 2
    assert "dev.jsonl: was made with generation.num_beams = 1, not 2; pass --overwrite" in beams.err
    other = yoyak("evaluate", "--adapter", FINAL, "data.eval=train.csv", "data.max_eval_examples=1")
    assert "row 2 is none of the input's" in other.err
    assert yoyak("train", "-e", "tiny.yaml", "training.max_steps=2", "experiment.name=other").code == 0
    for file in (trained / "outputs" / "other" / "final_model").iterdir():
        shutil.copy(file, trained / FINAL / file.name)
    retrained = yoyak("evaluate", "--adapter", FINAL, "experiment.name=tiny_qlora")
    assert retrained.code == 2
    assert "was made with lora.adapter = " in retrained.err
    assert DEV.read_bytes() == written
    assert (
        yoyak("evaluate", "--adapter", FINAL, "experiment.name=tiny_qlora", "--num-beams", "2", "--overwrite").code == 0
    )
    settings = json.loads(DEV.with_name("dev.jsonl.settings.json").read_text())
    assert settings["generation.num_beams"] == 2


def test_a_run_that_trained_all_weights_is_named_as_an_adapter_is(yoyak, tiny):
    """Its last line says so: `--adapter outputs/tiny_full/final_model`."""
    settings = ("lora.use_lora=false", "training.max_steps=2", "training.learning_rate=0.1", "evaluation.generate=true")
    assert yoyak("train", "-e", "tiny.yaml", *settings).code == 0
    run = tiny / "outputs" / "tiny_full"
    final, written = str(run / "final_model"), lines(run / "predictions.jsonl")
    assert yoyak("evaluate", "--adapter", final).code == 0
    assert [row["summary"] for row in lines(run / "evaluation" / "dev.jsonl")] == [r["fine_tuned"] for r in written]
    assert yoyak("evaluate", "--adapter", final, "--zero-shot").code == 0
    base = [row["summary"] for row in lines(run / "evaluation" / "dev_zero_shot.jsonl")]
    assert base == [row["zero_shot"] for row in written]
    one = yoyak("summarize", DIALOGUES[0], "--adapter", final)
    assert (one.code, one.out.strip()) == (0, written[0]["fine_tuned"].strip())


def test_a_base_that_was_replaced_in_its_folder_is_another_model(yoyak, tiny):
    """So is one with another chat template: both decide what is written."""
    base, arguments = tiny / "base", ("evaluate", "-e", "tiny.yaml")
    assert yoyak(*arguments).code == 0
    assert "has 2 of 2 summaries" in yoyak(*arguments).err
    write_tiny_model(base, seed=7)
    replaced = yoyak(*arguments)
    assert (replaced.code, "was made with model files = " in replaced.err) == (2, True)
    assert yoyak(*arguments, "--overwrite").code == 0
    (base / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    retold = yoyak(*arguments)
    assert (retold.code, "was made with model files = " in retold.err) == (2, True)


def start(folder, *arguments):
    command = [sys.executable, "-m", "src.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_evaluation_goes_on_where_it_was(yoyak, tiny, number):
    """60 summaries one at a time; killed after 5 or more, the same command makes only the others."""
    many_dialogues(tiny)
    out = tiny / "many.jsonl"
    settings = ("data.eval=many.csv", "tokenizer.decoder_max_len=40", "model.dtype=fp32")  # whatever is faster
    command = ("evaluate", "-e", "tiny.yaml", *settings, "--batch-size", "1")
    process = start(tiny, *command, "--out", out)
    wait_until(process, lambda: out.exists() and out.read_bytes().count(b"\n") >= 5)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert "Traceback" not in err
    kept = out.read_text(encoding="utf-8").splitlines()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert f"yoyak: stopped; {out} has {len(kept)} of 60 summaries; the same command goes on" in err
    assert 5 <= len(kept) < MANY
    again = yoyak(*command, "--out", out)
    assert again.code == 0
    assert f"{out} has {len(kept)} of 60 summaries already" in again.err
    rows = lines(out)
    assert [row["fname"] for row in rows] == [f"d{index}" for index in range(MANY)]
    assert set(kept) - {""} <= set(out.read_text(encoding="utf-8").splitlines())
    assert yoyak(*command, "--out", tiny / "whole.jsonl").code == 0
    assert lines(tiny / "whole.jsonl") == rows


def test_the_base_models_evaluation_is_no_run_and_stays(yoyak, tiny):
    assert yoyak("evaluate", "-e", "tiny.yaml", "--zero-shot").code == 0
    zero_shot = tiny / DEV.with_name("dev_zero_shot.jsonl")
    assert yoyak("train", "-e", "tiny.yaml", "data.train=missing.csv").code == 2
    assert zero_shot.is_file()
    assert [path.name for path in (tiny / "outputs" / "tiny_qlora").iterdir()] == ["evaluation"]
    assert yoyak("train", "-e", "tiny.yaml", "training.max_steps=1").code == 0
    assert zero_shot.is_file()


def test_an_adapter_of_another_base_is_named_with_both(yoyak, trained):
    other = write_tiny_model(trained / "wider", intermediate_size=96)
    refused = yoyak("evaluate", "-e", "tiny.yaml", "--adapter", FINAL, f"model.checkpoint={other}")
    assert refused.code == 2
    assert refused.err.splitlines()[-1].startswith(f"yoyak: {FINAL}: the adapter does not fit {other}: size mismatch")
    assert refused.err.strip().endswith(f"it was trained on {trained / 'base'}, not on {other}")
    same_shape = write_tiny_model(trained / "same", seed=1)
    used = yoyak("evaluate", "-e", "tiny.yaml", "--adapter", FINAL, f"model.checkpoint={same_shape}")
    assert used.code == 0
    assert f"{FINAL}: trained on {trained / 'base'}, used on {same_shape}" in used.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("adapter_model.safetensors", b"\xff" * 50, "does not fit"),
        ("adapter_model.safetensors", b"", "does not fit"),
        ("adapter_config.json", b"{", "does not fit"),
        ("yoyak.yaml", b"model: [", "yoyak.yaml"),
    ],
)
def test_a_corrupt_adapter_is_one_line(yoyak, trained, name, content, said):
    (trained / FINAL / name).write_bytes(content)
    refused = yoyak("evaluate", "--adapter", FINAL)
    assert refused.code == 2
    message = refused.err.removeprefix(f"Loading {trained / 'base'} ...\n")
    assert message.startswith("yoyak: outputs/tiny_qlora/final_model")
    assert said in message
    assert message.count("\n") == 1
