"""A refining as a run: it goes on from what it has saved, keeps the best state, and ends in time."""

import json
from pathlib import Path

import pytest
import torch

from src.kernels import few_rows
from src.tests.training.refine.tiny_refiner import folder_of, refiner_of, run_of, weights
from src.training.guards.interrupts import TrainingInterrupted
from src.training.state.checkpoints import find_checkpoint, read_checkpoint


def figures(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    measured = ("seconds", "resident_bytes", "processor_busy_percent")
    return [{name: value for name, value in line.items() if not name.endswith(measured)} for line in lines]


def test_a_run_that_was_stopped_ends_with_the_same_bytes(base: str, tmp_path: Path) -> None:
    whole = refiner_of(base, tmp_path / "one")
    run_of(whole, folder_of(tmp_path / "a")).train()
    stopped = run_of(refiner_of(base, tmp_path / "one"), folder_of(tmp_path / "b"))
    with pytest.raises(TrainingInterrupted) as caught:
        stopped.train(lambda step, _: stopped._interrupt._stop(15, None) if step == 3 else None)
    assert caught.value.step == 3
    checkpoint, damaged = find_checkpoint(tmp_path / "b" / "checkpoints")
    assert (checkpoint.step if checkpoint else None, damaged) == (3, [])
    with (tmp_path / "b" / "metrics.jsonl").open("a") as file:
        file.write("of a step that was lost\n")
    again = refiner_of(base, tmp_path / "one")
    run_of(again, tmp_path / "b", checkpoint).train()
    for name, value in weights(whole).items():
        assert torch.equal(weights(again)[name], value), name
    assert figures(tmp_path / "a") == figures(tmp_path / "b")


def test_a_run_goes_on_with_the_room_that_it_had(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What memory allows now may be more; a GPU's graphs are of the size in use, here told in their place."""
    stopped = refiner_of(base, tmp_path / "one")
    stopped.use_room(40, 0)
    stopped.rows = 3
    monkeypatch.setattr(few_rows, "_has_failed", True)
    run = run_of(stopped, folder_of(tmp_path / "a"))
    with pytest.raises(TrainingInterrupted):
        run.train(lambda step, _: run._interrupt._stop(15, None) if step == 1 else None)
    checkpoint, _ = find_checkpoint(tmp_path / "a" / "checkpoints")
    monkeypatch.setattr(few_rows, "_has_failed", False)
    again = refiner_of(base, tmp_path / "one")
    assert (again.rows, again.decoder.kept_layers, again.decoder.keeps_inputs) == (4, 2, True)
    monkeypatch.setattr(again, "_captured_passes", lambda: again.micro_batch_tokens)
    run_of(again, tmp_path / "a", checkpoint)
    assert (again.micro_batch_tokens, again._passes, again.rows) == (40, 40, 3)
    assert (again.decoder.kept_layers, again.decoder.keeps_inputs) == (0, False)
    assert few_rows.leaves_onednn()
    assert caplog.messages == []
    fewer = refiner_of(base, tmp_path / "one")
    fewer.rows = 2
    run_of(fewer, tmp_path / "a", checkpoint)
    assert fewer.rows == 2
    assert caplog.messages == [
        "Memory holds 2 summaries at a time, and held 3: the run goes on, but not to the last bit"
    ]


def test_the_best_state_is_kept_and_no_progress_ends_it(base: str, tmp_path: Path) -> None:
    """Evaluations that only get worse: the start's weights come back after as many as `patience` says."""
    refiner = refiner_of(base, tmp_path / "one", steps=9, eval_steps=1, patience=2)
    before, falling = weights(refiner), iter(range(10, 0, -1))
    refiner.evaluate = lambda _: {"eval_reward": float(next(falling)), "eval_facts_kept": 0.0}  # type: ignore
    run = run_of(refiner, folder_of(tmp_path / "a"))
    run.train()
    assert refiner.step == 2
    assert run.why == "no better reward on the evaluation dialogues since step 0"
    assert all(torch.equal(weights(refiner)[name], value) for name, value in before.items())


def test_the_pace_of_ten_steps_decides_how_many_fit(base: str, tmp_path: Path) -> None:
    """Ten steps of 3 s and an evaluation of 2 s in 50: 30 + 2 are spent, 2 go to the last evaluation, and 16 s hold
    four steps of 3.5 with their part of an evaluation every four."""
    refiner = refiner_of(base, tmp_path / "one", steps=100, eval_steps=4, minutes=50 / 60)
    run = run_of(refiner, folder_of(tmp_path / "a"))
    refiner.step, run.seconds, run._evaluation_seconds = 10, 32.0, 2.0
    run._step_seconds = [3.0] * 9
    run._keep_to_minutes()
    assert refiner.settings.steps == 100
    run._step_seconds = [9.0] + [3.0] * 9
    run._keep_to_minutes()
    assert refiner.settings.steps == 14
    checkpoint = read_checkpoint(run._save())
    again = run_of(refiner_of(base, tmp_path / "one", steps=100, minutes=50 / 60), tmp_path / "a", checkpoint)
    assert (again.refiner.settings.steps, again.paced) == (14, "at first")


def test_the_pace_after_a_quarter_of_the_time_decides_for_good(base: str, tmp_path: Path) -> None:
    refiner = refiner_of(base, tmp_path / "one", steps=100, eval_steps=4, minutes=80 / 60)
    run = run_of(refiner, folder_of(tmp_path / "a"))
    refiner.step, run.seconds, run._evaluation_seconds = 10, 19.0, 2.0
    run._make_steps(14, "at first")
    run._step_seconds = [3.0] * 4 + [1.0] * 5
    run.seconds = 20.0
    run._keep_to_minutes()
    assert (refiner.settings.steps, run.paced) == (14, "at first")
    run._step_seconds += [1.0]
    run.seconds = 19.9
    run._keep_to_minutes()
    assert (refiner.settings.steps, run.paced) == (14, "at first")
    run.seconds = 20.0  # 58 are left beside the last evaluation, for steps of 1.5 with their part of one
    run._keep_to_minutes()
    assert (refiner.settings.steps, run.paced) == (10 + 38, "for good")
    run._step_seconds, run.seconds = [9.0] * 20, 30.0
    run._keep_to_minutes()
    assert refiner.settings.steps == 48
    checkpoint = read_checkpoint(run._save())
    again = run_of(refiner_of(base, tmp_path / "one", steps=100, minutes=80 / 60), tmp_path / "a", checkpoint)
    assert (again.refiner.settings.steps, again.paced) == (48, "for good")


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [([9.0], 100), ([9.0, 3.0], 2), ([9.0, 2.0], 100)],
    ids=["the first compiles", "no third fits", "a third fits"],
)
def test_minutes_that_hold_no_ten_steps_end_it_too(base: str, tmp_path: Path, seconds: list[float], steps: int) -> None:
    """Of 15 s two steps and evaluations of 1 s leave 2 or 3, the last evaluation apart."""
    refiner = refiner_of(base, tmp_path / "one", steps=100, minutes=15 / 60)
    run = run_of(refiner, folder_of(tmp_path / "a"))
    refiner.step, run.seconds, run._evaluation_seconds, run._step_seconds = len(seconds), sum(seconds) + 1, 1.0, seconds
    run._keep_to_minutes()
    assert refiner.settings.steps == steps


def test_lost_facts_end_it(base: str, tmp_path: Path) -> None:
    refiner = refiner_of(base, tmp_path / "one", eval_steps=1)
    kept = iter([0.5, 0.45, 0.39])
    refiner.evaluate = lambda _: {"eval_reward": float(refiner.step), "eval_facts_kept": next(kept)}  # type: ignore
    run = run_of(refiner, folder_of(tmp_path / "a"))
    run.train()
    assert refiner.step == 2
    assert run.why.startswith("facts are lost while the reward rises: 39% of the references' facts are kept, 50%")
