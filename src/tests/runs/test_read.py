from pathlib import Path

import pytest

from src.errors import YoyakError
from src.runs.json_lines import Metric
from src.runs.read import over_steps, read_run
from src.tests.reports.conftest import WriteRun


def test_folder_without_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(YoyakError, match=r"run\.json: no such file; a report needs the folder of a run"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("{", r"run\.json: broken: Invalid JSON"),
        ("[]", r"run\.json: broken: "),
        ('{"seed": "many"}', r"run\.json: broken at seed: "),
        ('{"scores": {"fine_tuned": {"rouge1": "high"}}}', r"run\.json: broken at scores\.fine_tuned\.rouge1: "),
        ('{"lengths": {"train": {"histogram": [[128]]}}}', r"run\.json: broken at lengths\.train\.histogram\.0"),
        ('{"data": []}', r"run\.json: broken at data: "),
    ],
)
def test_broken_run_is_one_line_with_file_and_key(write_run: WriteRun, run: str, message: str) -> None:
    with pytest.raises(YoyakError, match=message) as caught:
        read_run(write_run(run=run))
    assert "\n" not in str(caught.value)


def test_run_that_is_not_utf8_is_named(write_run: WriteRun) -> None:
    run_dir = write_run()
    (run_dir / "run.json").write_bytes(b'{"name": "\xb0"}')
    with pytest.raises(YoyakError, match=r"run\.json: not UTF-8 at byte 10"):
        read_run(run_dir)


def test_file_that_cannot_be_read_is_named(write_run: WriteRun) -> None:
    run_dir = write_run(metrics=None)
    (run_dir / "metrics.jsonl").mkdir()
    with pytest.raises(YoyakError, match=r"metrics\.jsonl: cannot be read: Is a directory"):
        read_run(run_dir)


@pytest.mark.parametrize("name", ["metrics", "predictions"])
def test_broken_line_is_named(write_run: WriteRun, name: str) -> None:
    with pytest.raises(YoyakError, match=rf"{name}\.jsonl, line 2: broken: Invalid JSON"):
        read_run(write_run(**{name: '{"step": 1}\n{"step": \n{"step": 3}\n'}))


def test_wrong_type_in_a_line_is_named(write_run: WriteRun) -> None:
    with pytest.raises(YoyakError, match=r"metrics\.jsonl, line 1: broken at loss: "):
        read_run(write_run(metrics='{"step": 1, "loss": "low"}\n'))


def test_completed_run_may_not_break_off(write_run: WriteRun) -> None:
    with pytest.raises(YoyakError, match=r"metrics\.jsonl, line 2: broken"):
        read_run(write_run(run={"status": "completed"}, metrics='{"step": 1}\n{"st'))


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_other_runs_may_break_off_in_the_last_line_only(write_run: WriteRun, status: str) -> None:
    run = read_run(write_run(run={"status": status}, metrics='{"step": 1}\n{"st'))
    assert [line.step for line in run.metrics] == [1]
    assert run.unfinished_lines == ["metrics.jsonl"]
    with pytest.raises(YoyakError, match=r"metrics\.jsonl, line 1: broken"):
        read_run(write_run(run={"status": status}, metrics='{"st\n{"step": 2}\n'))


def test_character_cut_in_two_counts_as_broken_off(write_run: WriteRun) -> None:
    run_dir = write_run(run={"status": "interrupted"})
    (run_dir / "predictions.jsonl").write_bytes('{"fname": "a"}\n{"fname": "요'.encode()[:-1])
    run = read_run(run_dir)
    assert [prediction.fname for prediction in run.predictions] == ["a"]
    assert run.unfinished_lines == ["predictions.jsonl"]


def test_line_separators_inside_a_dialogue_do_not_split_its_line(write_run: WriteRun) -> None:
    run = read_run(write_run(predictions='{"dialogue": "A: one\u2028B: two\u0085C: three"}\n'))
    assert [prediction.dialogue for prediction in run.predictions] == ["A: one\u2028B: two\u0085C: three"]


def test_steps_logged_twice_count_once_and_the_later_line_counts() -> None:
    metrics = [Metric(step=10, loss=3.0), Metric(step=20, loss=2.0), Metric(step=15, loss=2.4), Metric(loss=9.0)]
    metrics += [Metric(step=20, loss=1.5), Metric(step=20, eval_loss=1.9)]
    assert over_steps(metrics, "loss") == [(10, 3.0), (15, 2.4), (20, 1.5)]
    assert over_steps(metrics, "eval_loss") == [(20, 1.9)]


def test_null_is_the_same_as_a_missing_key(write_run: WriteRun) -> None:
    nulls = {"device": None, "versions": {"torch": "2", "x": None}, "data": {"train": {"dropped": None}, "eval": None}}
    record = read_run(write_run(run=nulls, metrics=None, predictions='{"dialogue": null}\n')).record
    assert (record.device.name, record.versions, list(record.data)) == (None, {"torch": "2"}, ["train"])
    assert (
        read_run(write_run(run={"unknown": 1}, predictions='{"dialogue": null, "summary": "x"}\n'))
        .predictions[0]
        .dialogue
        == ""
    )
