import json
from statistics import mean, stdev

import numpy as np
import pytest

from src.commands.consensus import difference_to_mean
from src.evaluation.result import score_report
from src.inference.mbr import choose_by_mbr

ARGUMENTS = ("train", "-e", "tiny.yaml", "--folds", "2", "training.max_steps=1", "experiment.name=both")


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_two_folds_and_their_ensemble(yoyak, tiny):
    result = yoyak(*ARGUMENTS, "evaluation.generate=true")
    assert (result.code, result.err) == (0, "")
    both = tiny / "outputs" / "both"

    held_out = [{row["fname"] for row in rows_of(both / "data" / f"fold_{k}_dev.jsonl")} for k in (0, 1)]
    trained_on = [{row["fname"] for row in rows_of(both / "data" / f"fold_{k}_train.jsonl")} for k in (0, 1)]
    assert sorted(map(len, held_out)) == [2, 2]
    assert held_out[0] | held_out[1] == {"d0", "d1", "d2", "d3"}
    assert trained_on == [held_out[1], held_out[0]]

    runs = [json.loads((both / f"fold_{k}" / "run.json").read_text(encoding="utf-8")) for k in (0, 1)]
    assert [run["status"] for run in runs] == ["completed", "completed"]
    assert [{row["fname"] for row in rows_of(both / f"fold_{k}" / "predictions.jsonl")} for k in (0, 1)] == held_out
    assert all((both / f"fold_{k}" / "report.html").is_file() for k in (0, 1))

    record = json.loads((both / "folds.json").read_text(encoding="utf-8"))
    assert [run["run"] for run in record["runs"]] == ["fold_0", "fold_1"]
    losses = [run["train"]["eval_loss"] for run in runs]
    assert record["mean"]["eval_loss"] == pytest.approx(mean(losses))
    assert record["standard_deviation"]["eval_loss"] == pytest.approx(stdev(losses))
    sums = [run["scores"]["fine_tuned"]["rouge_sum"] for run in runs]
    assert record["mean"]["rouge_sum"] == pytest.approx(mean(sums))

    lines = rows_of(both / "predictions.jsonl")
    assert [line["fname"] for line in lines] == ["d0", "d1"]  # of dev.csv, not of a fold
    candidates = [[line["fold_0"], line["fold_1"]] for line in lines]
    chosen = choose_by_mbr(candidates)
    assert [line["ensemble"] for line in lines] == [candidates[row][fold] for row, fold in enumerate(chosen)]
    ensemble = record["ensemble"]
    assert ensemble["scores"]["n"] == 2
    assert ensemble["mean_fold_rouge_sum"] == pytest.approx(mean(ensemble["fold_rouge_sums"]))
    assert ensemble["difference"]["difference"] == pytest.approx(
        ensemble["scores"]["rouge_sum"] - ensemble["mean_fold_rouge_sum"]
    )
    assert ensemble["sentence"] in result.out

    again = yoyak(*ARGUMENTS, "evaluation.generate=true", "evaluation.tokenization=char", "generation.batch_size=1")
    assert again.code == 0
    assert 'fold_1: its scores are left out, which are of evaluation.tokenization = "word"' in again.out
    other = json.loads((both / "folds.json").read_text(encoding="utf-8"))
    assert other["mean"] == {"eval_loss": pytest.approx(mean(losses))}
    assert [run["scores_left_out"] for run in other["runs"]] == [{"evaluation.tokenization": "word"}] * 2
    assert other["ensemble"]["scores"]["tokenization"] == "char"


@pytest.mark.slow
def test_complete_folds_are_kept_and_missing_ones_trained(yoyak, tiny):
    assert yoyak(*ARGUMENTS).code == 0
    both = tiny / "outputs" / "both"
    assert "ensemble" not in json.loads((both / "folds.json").read_text(encoding="utf-8"))
    assert not (both / "predictions.jsonl").exists()
    first, second = both / "fold_0" / "run.json", both / "fold_1" / "run.json"
    second.write_text(second.read_text(encoding="utf-8").replace('"completed"', '"interrupted"'), encoding="utf-8")
    before = first.stat().st_mtime_ns
    again = yoyak(*ARGUMENTS)
    assert (again.code, again.err) == (0, "")
    assert "outputs/both/fold_0: is complete and kept" in again.out
    assert "fold_1: is complete" not in again.out
    assert first.stat().st_mtime_ns == before
    assert json.loads(second.read_text(encoding="utf-8"))["status"] == "completed"

    unread = ("training.report_to=[tensorboard]", "training.logging_steps=5", "training.save_minutes=1")
    unread = (*unread, "training.save_total_limit=1", "training.sharding=none", "experiment.tags=[a]", "model.size=1M")
    again = yoyak(*ARGUMENTS, *unread)
    assert (again.code, again.err, again.out.count("is complete and kept")) == (0, "", 2)
    worded = yoyak(*ARGUMENTS, "dataset.system=요약")
    assert (worded.code, 'dataset.system = null, not "요약"; pass' in worded.err) == (2, True)

    other = yoyak(*ARGUMENTS, "training.learning_rate=0.01")
    assert other.code == 2
    assert other.err == (
        "yoyak: outputs/both/fold_0: was trained with training.learning_rate = 0.001, not 0.01; "
        "pass --overwrite to train all folds anew, or set experiment.name=OTHER\n"
    )
    more = yoyak("train", "-e", "tiny.yaml", "--folds", "4", "experiment.name=both")
    assert (more.code, "holds 2 folds, not 4; pass --overwrite" in more.err) == (2, True)

    text = (tiny / "train.csv").read_text(encoding="utf-8")
    (tiny / "train.csv").write_text(text.replace("They go.", "They leave."), encoding="utf-8")
    changed = yoyak(*ARGUMENTS)
    assert (changed.code, "the training data have changed since; pass --overwrite" in changed.err) == (2, True)
    assert first.stat().st_mtime_ns == before
    assert yoyak(*ARGUMENTS, "--overwrite", "training.learning_rate=0.01").code == 0
    assert json.loads(first.read_text(encoding="utf-8"))["config"]["training"]["learning_rate"] == 0.01


@pytest.mark.parametrize(
    ("folds", "message"),
    [("1", "yoyak: 1 folds: use 2 or more\n"), ("5", "yoyak: 4 rows are too few for 5 folds")],
)
def test_folds_that_cannot_be_made(yoyak, tiny, folds, message):
    result = yoyak("train", "-e", "tiny.yaml", "--folds", folds)
    assert result.code == 2
    assert result.err.startswith(message)
    assert not (tiny / "outputs").exists()


def test_a_single_run_in_the_folder_is_left_alone(yoyak, tiny):
    run = tiny / "outputs" / "both"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"status": "completed"}')
    result = yoyak(*ARGUMENTS, "--overwrite")
    assert result.err == "yoyak: outputs/both: is there already and holds no folds; set experiment.name=OTHER\n"
    assert result.code == 2
    assert [path.name for path in run.iterdir()] == ["run.json"]


def test_the_difference_is_to_the_mean_of_the_folds():
    references = ["a b", "c d"]

    def scored(*texts):
        return score_report(["1", "2"], texts, references, facts=False)

    # ROUGE sums: "a b" on "a b" 300, "x" 0.
    found = difference_to_mean(scored("a b", "c d"), [scored("a b", "x"), scored("x", "x")])
    assert found.difference == pytest.approx(np.mean([300 - 150, 300 - 0]))
    assert (found.wins, found.ties, found.losses) == (2, 0, 0)
