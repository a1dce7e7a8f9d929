"""Memory that runs out for real: a limit on the process, under which the whole batch does not fit and parts do."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from src.data.batches.packing import StepPacker, unpacked
from src.errors import YoyakError
from src.inference.batches import splits_of
from src.kernels import few_rows
from src.tests.memory_limit import in_a_process_of_its_own, memory_limit
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.guards.out_of_memory import MemoryRoom
from src.training.llm_trainer import LLMTrainer
from src.training.packed_step import PackedTrainer
from src.training.response_trainer import ResponseTrainer

MB = 1_000_000


@pytest.fixture(autouse=True)
def _log_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)  # a command of another test may have cut it


@pytest.fixture(autouse=True)
def _small_products_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits are compared, and oneDNN is left once memory has run out in it."""
    monkeypatch.setattr(few_rows, "_MOST_ROWS", 0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model whose activations are large: 65 kB a token in each of its layers."""
    return write_tiny_model(tmp_path_factory.mktemp("wide") / "base", intermediate_size=8192)


def trainer_for(checkpoint: str, folder: Path, with_eval: bool = False, **settings: Any) -> LLMTrainer:
    small = {"lora__use_qlora": False, "training__batch_size": 4, "training__gradient_checkpointing": False}
    config = tiny_config(checkpoint, folder, **(small | settings))
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    dataset.common_tokens = 0  # each example whole: a step that takes much more memory than one example
    return LLMTrainer(config, model, tokenizer, dataset, dataset if with_eval else None)


class FaultsOfTheFirstStep(TrainerCallback):
    """Keeps what a run says of its faults when its first step ends."""

    def __init__(self, trainer: Any) -> None:
        self.trainer, self.found = trainer, dict[str, Any]()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 1:
            self.found = self.trainer.faults()


def limited(checkpoint: str, folder: Path, where: str, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train with ever less memory until it runs out; return the results and what the run says of it.

    How much that is depends on what the allocator holds free from earlier tests. In a training it has to run out in the
    first step, and in no other: one that has just fitted is computed in larger parts than the next.
    """
    what = f"out_of_memory_in_{where}"
    for more in (100, 75, 60, 45, 30, 20, 12, 8, 5):
        trainer = trainer_for(checkpoint, folder / str(more), **settings)
        first = FaultsOfTheFirstStep(trainer.trainer)
        trainer.trainer.add_callback(first)
        with memory_limit(more * MB):
            results = trainer.train()
        found = trainer.trainer.faults().get(what)
        if found and (where != "training" or first.found.get(what) == found):
            return results, found
    raise AssertionError("memory has not run out")


def weights(results: dict[str, Any]) -> dict[str, torch.Tensor]:
    return load_file(f"{results['model_path']}/adapter_model.safetensors")


def difference(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    return max(float((ours[name] - value).norm() / value.norm()) for name, value in theirs.items())


@pytest.mark.long
@in_a_process_of_its_own
def test_a_packed_step_is_repeated_in_smaller_micro_batches(
    checkpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """To the bit what the smaller size gives from the start, with dropout; to rounding what the whole batch gives."""
    settings = {"lora__dropout": 0.2, "training__max_steps": 2, "training__micro_batch_tokens": 1024}
    results, found = limited(checkpoint, tmp_path / "limited", "training", **settings)
    assert found["micro_batch_tokens"] in (296, 147)  # of 592 in the step
    assert found["count"] in (1, 2)
    line = "Out of memory in a micro-batch of 592 tokens; the step is repeated, and the run goes on, with 296"
    assert line in caplog.messages
    size = found["micro_batch_tokens"]
    smaller = settings | {"training__micro_batch_tokens": size}
    small = trainer_for(checkpoint, tmp_path / "small", **smaller).train()
    assert all(torch.equal(weights(results)[name], value) for name, value in weights(small).items())
    whole = trainer_for(checkpoint, tmp_path / "whole", **settings).train()
    assert difference(weights(results), weights(whole)) < 1e-3
    assert results["trained_tokens"] == whole["trained_tokens"] == 2 * 592


@pytest.mark.long
@in_a_process_of_its_own
def test_a_padded_batch_is_repeated_in_parts(checkpoint: str, tmp_path: Path) -> None:
    settings = {"training__engine": "trainer"}
    results, found = limited(checkpoint, tmp_path / "limited", "training", **settings)
    assert found["examples_at_a_time"] in (1, 2)
    whole = trainer_for(checkpoint, tmp_path / "whole", **settings).train()
    assert difference(weights(results), weights(whole)) < 1e-3
    assert results["trained_tokens"] == whole["trained_tokens"] == 592
    assert results["train_loss"] == pytest.approx(whole["train_loss"], rel=1e-5)


@pytest.mark.long
@in_a_process_of_its_own
def test_an_evaluation_goes_on_in_parts_with_an_equal_loss(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the trainer engine, or fp8's: the packed engine's evaluation takes no more than its training."""
    settings = {"with_eval": True, "training__learning_rate": 1e-9}
    monkeypatch.setattr(PackedTrainer, "batch_loss", ResponseTrainer.batch_loss)
    results, found = limited(checkpoint, tmp_path / "limited", "evaluation", **settings)
    assert found["examples_at_a_time"] in (1, 2)
    whole = trainer_for(checkpoint, tmp_path / "whole", **settings).train()
    assert results["eval_metrics"]["eval_loss"] == pytest.approx(whole["eval_metrics"]["eval_loss"], rel=1e-6)


def no_memory() -> None:
    torch.empty(1 << 60)  # more than any machine has: the allocator's own error


def test_a_packed_evaluation_goes_on_in_parts_too(checkpoint: str, tmp_path: Path) -> None:
    trainer = trainer_for(checkpoint, tmp_path, with_eval=True).trainer
    whole, losses = trainer.evaluate()["eval_loss"], trainer.decoder.token_losses
    trainer.decoder.token_losses = lambda batch: no_memory() if batch.count > 2 else losses(batch)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(whole, rel=1e-6)
    assert trainer.faults()["out_of_memory_in_evaluation"] == {"count": 1, "examples_at_a_time": 2}


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_one_example_that_does_not_fit_is_one_line(checkpoint: str, tmp_path: Path, engine: str) -> None:
    trainer = trainer_for(checkpoint, tmp_path, training__engine=engine)
    forward = trainer.model.get_base_model().model
    if engine == "packed":
        trainer.trainer.decoder.embed = lambda ids: no_memory()
    else:
        forward.register_forward_pre_hook(lambda *_: no_memory())
    with pytest.raises(YoyakError, match=r"^out of memory .*with one example of \d+ tokens; set training\.grad"):
        trainer.train()


def test_the_gradients_of_a_failed_try_are_gone(checkpoint: str, tmp_path: Path) -> None:
    """The failure comes in the second micro-batch of the step, when the first has left its gradients."""
    trainers = [trainer_for(checkpoint, tmp_path / name, training__micro_batch_tokens=300) for name in ("a", "b")]
    embed, calls = trainers[0].trainer.decoder.embed, []

    def failing_once(ids: torch.Tensor) -> torch.Tensor:
        calls.append(len(ids))
        if len(calls) == 2:
            no_memory()
        return embed(ids)

    trainers[0].trainer.decoder.embed = failing_once
    results = [trainer.train() for trainer in trainers]
    assert calls == [299, 293, 161, 157, 138, 136]
    assert trainers[0].trainer.faults()["out_of_memory_in_training"] == {"count": 1, "micro_batch_tokens": 149}
    assert difference(weights(results[0]), weights(results[1])) < 1e-3
    assert results[0]["train_loss"] == pytest.approx(results[1]["train_loss"], rel=1e-5)


def test_the_first_micro_batches_of_a_step_are_repeated_too(checkpoint: str, tmp_path: Path) -> None:
    """Of the padded engine: memory runs out in the second of two, and the first one's gradients go as well."""
    settings = {"training__batch_size": 2, "training__gradient_accumulation_steps": 2, "training__engine": "trainer"}
    trainers = [trainer_for(checkpoint, tmp_path / name, **settings) for name in ("a", "b")]
    calls: list[int] = []

    def failing_once(module: Any, arguments: Any, named: dict[str, torch.Tensor]) -> None:
        calls.append(len(named["input_ids"]))
        if len(calls) == 2:
            no_memory()

    trainers[0].model.get_base_model().model.register_forward_pre_hook(failing_once, with_kwargs=True)
    results = [trainer.train() for trainer in trainers]
    assert calls == [2, 2, 1, 1, 1, 1]
    assert difference(weights(results[0]), weights(results[1])) < 1e-3
    assert results[0]["train_loss"] == pytest.approx(results[1]["train_loss"], rel=1e-5)
    assert results[0]["trained_tokens"] == results[1]["trained_tokens"] == 592


def test_recomputing_is_the_last_resort(checkpoint: str, tmp_path: Path) -> None:
    """One example alone: nothing to split, so activations are computed again, where the settings allow it."""
    for allowed in (True, False):
        trainer = trainer_for(checkpoint, tmp_path / str(allowed), training__gradient_checkpointing=allowed).trainer
        packer = trainer.room.packer
        batches = packer([trainer.train_dataset[0]])["micro_batches"]
        if not allowed:
            with pytest.raises(YoyakError, match=r"set training\.gradient_checkpointing=true, or lower"):
                trainer.room.smaller(batches)
            continue
        assert [len(batch.input_ids) for batch in trainer.room.smaller(batches)] == [157]
        assert trainer.room.packer == packer
        trainer.use_room()
        assert (trainer.decoder.kept_layers, trainer.decoder.keeps_inputs) == (0, False)
        with pytest.raises(YoyakError, match=r"^out of memory with one example of 157 tokens; lower lora\.r"):
            trainer.room.smaller(batches)


def test_a_resumed_run_starts_with_what_memory_allowed(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_rows, "_has_failed", False)
    first, second = (trainer_for(checkpoint, tmp_path / name).trainer for name in ("a", "b"))
    batches = first.room.pack([first.train_dataset[index] for index in range(4)])["micro_batches"]
    first.room.smaller(batches)
    splits_of(first.model).count, splits_of(first.model).batch_tokens = 2, 640
    few_rows.leave_onednn()
    state = json.loads(json.dumps(first.faults_state()))
    monkeypatch.setattr(few_rows, "_has_failed", False)  # as in another process
    second.load_faults_state(state)
    assert second.room.packer.micro_batch_tokens == first.room.packer.micro_batch_tokens == 296
    assert second.faults_state() == state
    assert second.faults()["out_of_memory_in_generation"] == {"count": 2, "batch_tokens": 640}


# The parts


def test_a_step_is_unpacked_to_the_items_it_was_made_of() -> None:
    items = [
        {"input_ids": torch.tensor(ids), "labels": torch.tensor(labels)}
        for ids, labels in (([5, 6, 2], [-100, 6, 2]), ([7, 2], [-100, 2]), ([8, 9, 4, 2], [-100, -100, 4, 2]))
    ]
    step = StepPacker(5, multiple=4)(items)
    again = unpacked(step["micro_batches"]).values()
    assert [item["input_ids"].tolist() for item in again] == [[5, 6, 2], [7, 2], [8, 9, 4, 2]]
    assert [item["labels"].tolist() for item in again] == [[-100, 6, 2], [-100, 2], [-100, -100, 4, 2]]


def test_parts_are_as_wide_as_their_longest_example() -> None:
    batch = {
        "input_ids": torch.tensor([[1, 2, 3], [4, 5, 0], [6, 0, 0]]),
        "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0]]),
    }
    assert MemoryRoom().parts(batch) == [batch]
    parts = MemoryRoom(most=2).parts(batch)
    assert [part["input_ids"].tolist() for part in parts] == [[[1, 2, 3], [4, 5, 0]], [[6]]]


def test_other_errors_are_not_tried_again() -> None:
    def work() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        MemoryRoom().repeated(work, lambda: pytest.fail("was taken for a lack of memory"))


def test_all_ranks_compute_as_the_one_with_the_least_memory() -> None:
    room = MemoryRoom()
    assert not room.adopt(None, False)
    assert room.adopt(64, False)
    assert (room.most, room.recomputes, room.count) == (64, False, 1)
    assert not room.adopt(64, False)
    assert not room.adopt(128, False)
    assert room.adopt(32, True)
    assert (room.most, room.recomputes, room.count) == (32, True, 2)
    assert not room.adopt(None, True)
