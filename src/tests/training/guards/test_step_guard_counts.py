"""What the guard counts: bad steps in a row, since the last log, and in a run that it has stopped."""

import json
import logging
import math
from collections import deque

import pytest
import torch
from transformers import TrainerControl

from src.tests.tiny_models import write_tiny_model
from src.tests.training.guards.test_step_guard import judged, trainer_for
from src.training.guards.step_guard import GuardState, StepGuard, StoppedRunError
from src.training.llm_trainer import LLMTrainer
from src.training.state.checkpoints import find_checkpoint

NAN = math.nan


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("base"), tied=False)


def lines_of(guard):
    return [json.loads(line) for line in guard.path.read_text(encoding="utf-8").splitlines()]


def test_a_good_step_begins_the_count_of_bad_ones_anew(tmp_path):
    guard = StepGuard(tmp_path, 3, "stop")
    judged(guard, [NAN, NAN, 1.0, NAN, NAN])
    assert (guard.now.bad_steps, guard.now.bad_in_a_row, guard.reason) == (4, 2, None)
    judged(guard, [NAN], start=6)
    assert (guard.now.bad_steps, guard.now.bad_in_a_row) == (5, 3)
    assert guard.reason == (
        "3 steps in a row had a loss or gradient that is not a number (training.max_bad_steps); their examples are in "
        f"{tmp_path}/bad_steps.jsonl; look at those, or lower training.learning_rate"
    )
    assert [line["step"] for line in lines_of(guard)] == [1, 2, 4, 5, 6]


def test_the_first_reason_stays(tmp_path):
    guard = StepGuard(tmp_path, 1, "stop")
    judged(guard, [NAN, NAN])
    assert guard.reason.startswith("1 step in a row")


@pytest.mark.parametrize(("loss", "norm"), [(math.inf, 1.0), (1.0, math.inf), (NAN, 1.0), (1.0, -math.inf)])
def test_loss_and_norm_are_looked_at_each_and_written_as_words(tmp_path, loss, norm):
    guard = StepGuard(tmp_path, 5, "stop", names_of_step=lambda step: [f"대화{step}"])
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)
    assert guard.seen(torch.tensor(loss)).item() == (loss if math.isfinite(loss) else 0.0)
    guard.before_optimizer(torch.tensor(norm), torch.optim.SGD([parameter]), None, 7)
    assert parameter.grad is None
    word = {True: lambda x: x, False: str}
    assert lines_of(guard) == [
        {
            "step": 7,
            "loss": word[math.isfinite(loss)](loss),
            "gradient_norm": word[math.isfinite(norm)](norm),
            "examples": ["대화7"],
        }
    ]
    assert "대화7" in guard.path.read_text(encoding="utf-8")


def test_the_micro_batches_of_a_step_are_summed_and_the_next_step_begins_at_zero(tmp_path):
    guard = StepGuard(tmp_path, 5, "stop")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    for step, shares in ((1, (0.5, 0.25)), (2, (2.0,))):
        for share in shares:
            guard.seen(torch.tensor(share))
        guard.before_optimizer(torch.tensor(1.0), optimizer, None, step)
    assert list(guard.now.losses) == [0.75, 2.0]
    guard.seen(torch.tensor(NAN))  # the first of two: the sum is no number either
    guard.seen(torch.tensor(1.0))
    guard.before_optimizer(torch.tensor(1.0), optimizer, None, 3)
    assert guard.now.bad_steps == 1


def test_the_median_is_of_the_last_200_losses_and_needs_20(tmp_path):
    guard = StepGuard(tmp_path, 5, "stop")
    judged(guard, [1.0] * 19 + [50.0])
    assert (guard.now.far_in_a_row, len(guard.now.losses)) == (0, 20)
    judged(guard, [3.0, 3.1], start=21)
    assert (guard.now.far_in_a_row, len(guard.now.losses)) == (1, 21)
    judged(guard, [1.0] * 300, start=23)
    assert (guard.now.far_in_a_row, len(guard.now.losses)) == (0, 200)
    again = StepGuard(tmp_path, 5, "stop")
    again.load_state_dict(guard.state_dict())
    judged(again, [1.0] * 5, start=323)
    assert len(again.now.losses) == 200


def test_a_state_is_json_by_name(tmp_path):
    guard = StepGuard(tmp_path, 5, "stop")
    guard.now = GuardState(4, 1, 2, 3, deque([1.5]))
    assert guard.state_dict() == {
        "bad_steps": 4,
        "bad_in_a_row": 1,
        "far_in_a_row": 2,
        "rollbacks": 3,
        "losses": [1.5],
    }


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_the_logged_mean_is_of_the_good_steps_since_the_log_before(checkpoint, tmp_path, engine, caplog):
    """Six steps with a log every third; one in each four dialogues has no loss."""
    logs = {}
    for every in (1, 3):
        settings = {"training__engine": engine, "training__logging_steps": every, "training__max_steps": 6}
        trainer = trainer_for(checkpoint, tmp_path / str(every), **settings)
        trainer.train()
        lines = (tmp_path / str(every) / "tiny" / "metrics.jsonl").read_text().splitlines()
        logs[every] = [json.loads(line) for line in lines]
    each = [line.get("loss") for line in logs[1]]
    assert each.count(None) in (1, 2)
    for number, line in enumerate(logs[3]):
        good = [loss for loss in each[3 * number : 3 * number + 3] if loss is not None]
        assert line.get("bad_steps", 0) == 3 - len(good)
        assert line["loss"] == pytest.approx(sum(good) / len(good), rel=1e-4)


def test_a_run_that_was_stopped_for_going_wrong_goes_on(checkpoint, tmp_path, caplog):
    settings = {"training__max_steps": 6, "training__max_bad_steps": 2, "training__engine": "trainer"}
    trainer = trainer_for(checkpoint, tmp_path, poisoned=False, **settings)
    weight = trainer.model.get_input_embeddings().weight
    good = weight.data.clone()
    weight.data[:] = NAN
    with pytest.raises(StoppedRunError):
        trainer.train()
    stopped, _ = find_checkpoint(tmp_path / "tiny" / "checkpoints")
    assert (stopped.step, stopped.read_json("training_state.json")["finished"]) == (2, False)
    weight.data[:] = good
    again = LLMTrainer(trainer.config, trainer.model, trainer.tokenizer, trainer.train_dataset, resume=stopped)
    caplog.set_level(logging.WARNING, logger="yoyak")
    results = again.train()
    assert results["steps"] == 6
    assert again.trainer.faults() == {"bad_steps": 2, "rollbacks": 0}


@pytest.mark.parametrize("moment", ["on_step_end", "on_log"])
def test_a_run_that_goes_wrong_is_asked_to_save_and_to_stop_without_an_evaluation(tmp_path, moment):
    guard = StepGuard(tmp_path, 1, "stop")
    control = TrainerControl(should_evaluate=True)
    getattr(guard, moment)(None, None, control)
    assert (control.should_save, control.should_training_stop, control.should_evaluate) == (False, False, True)
    guard.reason = "went wrong"
    getattr(guard, moment)(None, None, control)
    assert (control.should_save, control.should_training_stop, control.should_evaluate) == (True, True, False)
