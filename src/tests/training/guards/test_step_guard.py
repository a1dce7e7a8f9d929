"""Losses that are no numbers, from a token whose embedding is infinite, and losses that run away."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from src.data.batches.packing import unpacked
from src.errors import YoyakError
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.guards.step_back import names_of_step
from src.training.guards.step_guard import StepGuard, StoppedRunError, takes_verdicts
from src.training.llm_trainer import LLMTrainer

POISON = ord("W")  # only in the fourth dialogue, "A: No.\nB: Why?"
NAMES = ["d0", "d1", "d2", "d3"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("base"), tied=False)


def trainer_for(
    checkpoint: str, folder: Path, poisoned: bool = True, names: Sequence[str] = NAMES, **settings: Any
) -> LLMTrainer:
    config = tiny_config(checkpoint, folder, **{"training__batch_size": 1, "training__max_steps": 4, **settings})
    model, tokenizer = load_tiny(config)
    if poisoned:
        ids = tokenizer("W", add_special_tokens=False)["input_ids"]
        model.get_input_embeddings().weight.data[ids] = math.inf
    return LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer, names=names))


def bad_steps(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "tiny" / "bad_steps.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_a_step_without_a_number_is_left_out_and_its_examples_named(
    checkpoint: str, tmp_path: Path, engine: str
) -> None:
    """One of four examples is poisoned: after the epoch the weights are finite, and the other three have trained."""
    trainer = trainer_for(checkpoint, tmp_path, training__engine=engine)
    results = trainer.train()
    assert trainer.trainer.faults() == {"bad_steps": 1, "rollbacks": 0}
    lines = bad_steps(tmp_path)
    assert [line["examples"] for line in lines] == [["d3"]]
    assert [lines[0]["loss"], lines[0]["gradient_norm"]] == ["nan", "nan"]
    weights = load_file(f"{results['model_path']}/adapter_model.safetensors")
    assert all(value.isfinite().all() for value in weights.values())
    assert math.isfinite(results["train_loss"])
    metrics = (tmp_path / "tiny" / "metrics.jsonl").read_text()
    assert "NaN" not in metrics
    logged = [json.loads(line) for line in metrics.splitlines()]
    assert [line.get("bad_steps", 0) for line in logged] == [int(line["step"] == lines[0]["step"]) for line in logged]
    assert results["train_loss"] == pytest.approx(sum(line["loss"] for line in logged if "loss" in line) / 3)


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_weights_and_momentum_stand_still_in_a_step_that_is_left_out(
    checkpoint: str, tmp_path: Path, engine: str
) -> None:
    trainer = trainer_for(checkpoint, tmp_path, training__engine=engine)
    seen: list[tuple[int, list[torch.Tensor]]] = []

    class Watch(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            seen.append((0, [p.detach().clone() for p in trainer.model.parameters() if p.requires_grad]))

        def on_step_end(self, *_: Any, **__: Any) -> None:
            optimizer = trainer.trainer.optimizer.optimizer
            kept = [p.detach().clone() for p in trainer.model.parameters() if p.requires_grad]
            kept += [value.clone() for state in optimizer.state.values() for value in state.values()]
            seen.append((trainer.trainer.guard.now.bad_steps, kept))

    trainer.trainer.add_callback(Watch())
    trainer.train()
    counts = [bad for bad, _ in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 1
    for index in range(1, 5):
        same = [torch.equal(a, b) for a, b in zip(seen[index - 1][1], seen[index][1], strict=False)]
        assert all(same) == (index == counts.index(1))


def test_too_many_in_a_row_stop_the_run_with_a_state(checkpoint: str, tmp_path: Path) -> None:
    trainer = trainer_for(checkpoint, tmp_path, training__max_steps=9, training__max_bad_steps=2)
    trainer.model.get_input_embeddings().weight.data[:] = math.nan
    with pytest.raises(
        StoppedRunError,
        match=r"^training was stopped \(state after step 2: .*checkpoint-2\): 2 steps in a row had a loss or gradient "
        r"that is not a number \(training\.max_bad_steps\); their examples are in .*bad_steps\.jsonl; look",
    ):
        trainer.train()
    assert [line["step"] for line in bad_steps(tmp_path)] == [1, 2]
    assert (tmp_path / "tiny" / "checkpoints" / "checkpoint-2" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "tiny" / "final_model").exists()


def test_a_run_without_one_good_step_is_no_model(checkpoint: str, tmp_path: Path) -> None:
    trainer = trainer_for(checkpoint, tmp_path, training__max_steps=2)
    trainer.model.get_input_embeddings().weight.data[:] = math.nan
    with pytest.raises(YoyakError, match="no step had a loss and a gradient that are numbers"):
        trainer.train()
    assert not (tmp_path / "tiny" / "final_model").exists()


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_the_examples_of_each_step_are_those_that_it_trained(checkpoint: str, tmp_path: Path, engine: str) -> None:
    """Seen by what each step is given, over three epochs of two steps, the second one short."""
    settings = {"training__engine": engine, "training__batch_size": 3, "training__max_steps": 6}
    trainer = trainer_for(checkpoint, tmp_path, poisoned=False, **settings).trainer
    lengths = dict(zip(NAMES, trainer.train_dataset.lengths.tolist(), strict=True))
    seen: list[list[int]] = []
    step = trainer.training_step

    def watched(model: Any, inputs: Any, items: Any) -> Any:
        if engine == "packed":
            seen.append(sorted(len(item["input_ids"]) for item in unpacked(inputs["micro_batches"]).values()))
        else:
            seen.append(sorted(inputs["attention_mask"].sum(1).tolist()))
        return step(model, inputs, items)

    trainer.training_step = watched
    trainer.train()
    named = [sorted(lengths[name] for name in names_of_step(trainer, number)) for number in range(1, 7)]
    assert named == seen
    assert [len(names) for names in named] == [3, 1] * 3


def test_under_five_instructions_a_dialogue_has_one_name(checkpoint: str, tmp_path: Path) -> None:
    names = ["first", "second"]  # two examples each
    trainer = trainer_for(checkpoint, tmp_path, poisoned=False, names=names, training__batch_size=4).trainer
    assert sorted(names_of_step(trainer, 1)) == ["first", "first", "second", "second"]


# Divergence


def judged(guard: StepGuard, losses: list[float], start: int = 1) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter])
    for step, loss in enumerate(losses, start):
        guard.seen(torch.tensor(loss))
        guard.before_optimizer(torch.tensor(1.0), optimizer, None, step)


def test_fifty_steps_above_three_times_the_median_stop_the_run(tmp_path: Path) -> None:
    guard = StepGuard(tmp_path, 5, "stop")
    judged(guard, [1.0, 3.0] * 30 + [6.1] * 49)  # the median of the first 60 is 2
    assert guard.reason is None
    judged(guard, [6.1], start=110)
    assert guard.reason == (
        "the loss was above 3 times its running median (2.000) for 50 steps; lower training.learning_rate, "
        "or set training.on_divergence=ignore"
    )


@pytest.mark.parametrize(
    ("policy", "losses"),
    [
        ("ignore", [1.0] * 60 + [9.0] * 200),
        ("stop", [1.0] * 60 + [2.9] * 200),
        ("stop", ([1.0] * 60 + [9.0] * 49) * 3),  # one usual step begins the count anew
        ("stop", [1.0] * 10 + [9.0] * 60),  # too few losses for a median
    ],
)
def test_what_is_no_divergence(tmp_path: Path, policy: Any, losses: list[float]) -> None:
    guard = StepGuard(tmp_path, 5, policy)
    judged(guard, losses)
    assert guard.reason is None


def test_rolling_back_three_times_and_then_stopping(tmp_path: Path) -> None:
    asked: list[int] = []
    guard = StepGuard(tmp_path, 5, "rollback", roll_back=lambda before: asked.append(before) or 40)
    judged(guard, [1.0] * 60 + [9.0] * 150)
    assert asked == [60, 110, 160]
    assert (guard.reason, guard.now.rollbacks) == (None, 3)
    judged(guard, [9.0] * 50, start=211)
    assert guard.reason is not None


def test_without_a_checkpoint_a_rollback_is_a_stop(tmp_path: Path) -> None:
    guard = StepGuard(tmp_path, 5, "rollback")
    judged(guard, [1.0] * 60 + [9.0] * 50)
    assert guard.reason is not None
    assert guard.now.rollbacks == 0


@pytest.mark.parametrize("lora", [True, False])
def test_a_rollback_restores_weights_and_optimizer_but_no_schedule(checkpoint: str, tmp_path: Path, lora: bool) -> None:
    """A learning rate that ruins the model after the checkpoint of step 2."""
    trainer = trainer_for(
        checkpoint,
        tmp_path,
        poisoned=False,
        lora__use_lora=lora,
        lora__use_qlora=False,
        training__batch_size=4,
        training__max_steps=6,
        training__eval_steps=2,
        training__save_total_limit=5,
        training__lr_scheduler_type="linear",
    )
    seen: dict[str, Any] = {}

    class BackAtFour(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            inner = trainer.trainer
            weights = [p for p in trainer.model.parameters() if p.requires_grad]
            if state.global_step == 2:
                seen["weights"] = [p.detach().clone() for p in weights]
                seen["moments"] = [inner.optimizer.state[p]["exp_avg"].clone() for p in weights]
            if state.global_step == 4:
                rates = [group["lr"] for group in inner.optimizer.param_groups]
                with torch.no_grad():
                    for p in weights:
                        p.mul_(100)
                assert inner.guard.roll_back(3) == 2
                assert all(torch.equal(a, b) for a, b in zip(seen["weights"], weights, strict=True))
                moments = [inner.optimizer.state[p]["exp_avg"] for p in weights]
                assert all(torch.equal(a, b) for a, b in zip(seen["moments"], moments, strict=True))
                assert [group["lr"] for group in inner.optimizer.param_groups] == rates
                seen["back"] = True

    trainer.trainer.add_callback(BackAtFour())
    results = trainer.train()
    assert seen["back"]
    assert results["steps"] == 6
    rates = [entry["learning_rate"] for entry in trainer.trainer.state.log_history if "learning_rate" in entry]
    assert rates == pytest.approx([1e-2 * share / 6 for share in (6, 5, 4, 3, 2, 1)])
    assert trainer.trainer.guard.roll_back(1) is None


# The pieces


def test_the_state_of_a_guard_is_json_and_comes_back(tmp_path: Path) -> None:
    guard = StepGuard(tmp_path, 5, "stop")
    judged(guard, [1.0] * 60 + [math.nan] + [9.0] * 30)
    state = json.loads(json.dumps(guard.state_dict()))
    again = StepGuard(tmp_path, 5, "stop")
    again.load_state_dict(state)
    assert again.state_dict() == state
    judged(again, [9.0] * 19, start=100)
    assert again.reason is None
    judged(again, [9.0], start=119)
    assert again.reason is not None


@pytest.mark.parametrize(("scale", "counted"), [(2.0, 0), (1.0, 1)])
def test_an_overflow_counts_once_the_scale_is_down_to_one(tmp_path: Path, scale: float, counted: int) -> None:
    guard = StepGuard(tmp_path, 5, "stop")
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    scaler.scale(torch.zeros(1))
    guard.before_optimizer(torch.tensor(math.inf), torch.optim.SGD([parameter]), scaler, 1)
    assert guard.now.bad_steps == counted
    assert parameter.grad is not None  # the scaler leaves the step out itself


def test_which_optimizers_take_verdicts() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1))]
    assert takes_verdicts(torch.optim.AdamW(weights, fused=True))
    assert not takes_verdicts(torch.optim.AdamW(weights))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("optim", ["adamw_torch_fused", "paged_adamw_32bit", "paged_adamw_8bit", "adamw_torch"])
def test_on_a_gpu_bad_steps_leave_weights_alone(checkpoint: str, tmp_path: Path, optim: str) -> None:
    trainer = trainer_for(checkpoint, tmp_path, training__optim=optim, training__logging_steps=4)
    results = trainer.train()
    weights = load_file(f"{results['model_path']}/adapter_model.safetensors")
    assert all(value.isfinite().all() for value in weights.values())
    assert trainer.trainer.faults()["bad_steps"] == 1
    assert [line["examples"] for line in bad_steps(tmp_path)] == [["d3"]]
