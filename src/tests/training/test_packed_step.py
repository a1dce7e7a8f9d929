"""The packed engine inside the Trainer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from src.config.schema import Config
from src.tests.packed_models import WRITTEN_OUT
from src.tests.tiny_models import (
    load_tiny,
    tiny_config,
    tiny_dataset,
    train_tiny,
    write_tiny_model,
)
from src.training.llm_trainer import LLMTrainer
from src.training.memory_plan import MemoryPlan
from src.training.packed_step import PackedTrainer
from src.training.prepared_adamw import PreparedAdamW
from src.training.samplers import ShuffledSampler
from src.training.state.resolved import resolve

WHOLE: dict[str, Any] = {"lora__use_lora": False, "lora__use_qlora": False}
ADAPTED_OR_WHOLE = pytest.mark.parametrize("settings", [{}, WHOLE], ids=["adapted", "whole"])


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    return write_tiny_model(tmp_path / "base")


def weights(folder: str | Path) -> dict[str, torch.Tensor]:
    """Return those of the adapter or the model in a folder."""
    files = [Path(folder) / f"{name}.safetensors" for name in ("adapter_model", "model")]
    return load_file(next(file for file in files if file.exists()))


def trained(config: Config) -> dict[str, torch.Tensor]:
    return weights(train_tiny(config, *load_tiny(config)))


def evaluated(engine: str, checkpoint: str, folder: Path, **settings: Any) -> LLMTrainer:
    """Return a trainer by an engine, four examples at a time, that evaluates on what it trains on."""
    named = {"training__engine": engine, "training__batch_size": 4, "experiment__name": engine}
    config = tiny_config(checkpoint, folder, **named, **settings)
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    return LLMTrainer(config, model, tokenizer, dataset, dataset)


def difference(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    assert ours.keys() == theirs.keys()
    return max(float((ours[name] - value).norm() / value.norm()) for name, value in theirs.items())


# The order


def test_an_epoch_is_every_example_once_in_an_order_of_its_own() -> None:
    def orders(seed: int) -> list[list[int]]:
        sampler = ShuffledSampler(50, seed)
        return [list(sampler), list(sampler)]

    first, second = orders(3)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert orders(3) == [first, second]
    assert orders(4)[0] != first
    sampler = ShuffledSampler(50, 3)
    sampler.set_epoch(1)
    assert list(sampler) == second
    assert len(sampler) == 50


# The step


def test_both_engines_train_the_same_weights(checkpoint: str, tmp_path: Path) -> None:
    """All four examples a step: the orders of the engines' samplers don't matter then."""
    results = []
    for engine, batch_size, accumulated in (("packed", 4, 1), ("trainer", 4, 1), ("trainer", 1, 4)):
        config = tiny_config(
            checkpoint,
            tmp_path,
            training__engine=engine,
            training__batch_size=batch_size,
            training__gradient_accumulation_steps=accumulated,
            training__max_steps=3,
            training__max_grad_norm=0.5,
            lora__loraplus_lr_ratio=4.0,
            experiment__name=f"{engine}{batch_size}",
        )
        results.append(trained(config))
    assert difference(results[0], results[1]) < 1e-3  # Adam divides small gradients by their own size
    assert difference(results[0], results[2]) < 1e-3
    assert all(weight.abs().max() > 1e-3 for name, weight in results[0].items() if "lora_B" in name)


def test_a_beginning_is_shared_as_the_plan_says(tmp_path: Path) -> None:
    """By a model that is never captured, so that a GPU's plan is computed on a CPU too."""
    base = write_tiny_model(tmp_path / "base", "qwen3_5_text", **WRITTEN_OUT["qwen3_5_text"])
    config = tiny_config(base, tmp_path, training__engine="packed", training__batch_size=4, lora__dropout=0.0)
    gradients = []
    for shares in (True, False):
        model, tokenizer = load_tiny(config)
        dataset = tiny_dataset(tokenizer)
        plan = MemoryPlan(1024, 1, False, 5_000, shares_beginning=shares)
        resolved = replace(resolve(config, model, dataset), memory_plan=plan)
        trainer = LLMTrainer(config, model, tokenizer, dataset, resolved=resolved).trainer
        trainer._prepare_for_training(1, trainer.get_train_dataloader(), None)
        step = trainer.room.pack([dataset[number] for number in range(4)])
        assert {batch.shared for batch in step["micro_batches"]} == {dataset.common_tokens if shares else 0}
        trainer.training_step(model, step, None)
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if "lora_B" in name})
    assert difference(*gradients) < 1e-5


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_both_engines_train_whole_models_alike(tmp_path: Path, family: str) -> None:
    """Losses of five clipped steps and of the evaluations after them; the files have one size."""
    checkpoint = write_tiny_model(tmp_path / family, family)
    losses, sizes = [], []
    for engine in ("packed", "trainer"):
        settings = {
            "training__gradient_accumulation_steps": 2,
            "training__max_steps": 5,
            "training__max_grad_norm": 0.5,
        }
        settings |= {"training__learning_rate": 1e-3, "training__micro_batch_tokens": 100, **WHOLE}
        trainer = evaluated(engine, checkpoint, tmp_path, **settings)
        sizes.append((Path(trainer.train()["model_path"]) / "model.safetensors").stat().st_size)
        log = trainer.trainer.state.log_history
        losses.append([entry[name] for name in ("loss", "eval_loss") for entry in log if name in entry])
        assert isinstance(trainer.trainer, PackedTrainer) is (engine == "packed")
    assert len(losses[0]) == 10
    assert losses[0][0] > losses[0][4] + 0.5
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert sizes[0] == sizes[1]


@ADAPTED_OR_WHOLE
def test_loss_gradient_norm_and_tokens_are_logged_alike(
    checkpoint: str, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Of the first step, in which both engines' weights are still the same."""
    logs, tokens = [], []
    for engine in ("packed", "trainer"):
        trainer = evaluated(engine, checkpoint, tmp_path, training__max_steps=2, **settings)
        results = trainer.train()
        logs.append(next(entry for entry in trainer.trainer.state.log_history if "loss" in entry))
        tokens.append(results["trained_tokens"])
        assert results["eval_metrics"]["eval_loss"] > 0
        assert results["steps"] == 2
        assert tokens[-1] == 2 * sum(len(item["input_ids"]) for item in tiny_dataset(trainer.tokenizer))
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-5)
    assert logs[0]["grad_norm"] == pytest.approx(logs[1]["grad_norm"], rel=1e-5)


@pytest.mark.parametrize("settings", [{"lora__dropout": 0.2}, {"training__learning_rate": 1e-3, **WHOLE}])
def test_micro_batches_and_accumulation_only_bound_memory(
    checkpoint: str, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """1 x 4 = 4 x 1 = 2 x 2 to the bit; smaller micro-batches to rounding, with dropout on."""
    results = {}
    for batch_size, accumulated, tokens in ((1, 4, 512), (4, 1, 512), (2, 2, 512), (4, 1, 1)):
        config = tiny_config(
            checkpoint,
            tmp_path,
            training__batch_size=batch_size,
            training__gradient_accumulation_steps=accumulated,
            training__micro_batch_tokens=tokens,
            training__max_steps=2,
            experiment__name=f"{batch_size}x{accumulated}x{tokens}",
            **settings,
        )
        results[batch_size, tokens] = trained(config)
    whole = results[4, 512]
    assert all(torch.equal(results[n, 512][name], value) for n in (1, 2) for name, value in whole.items())
    assert difference(results[4, 1], whole) < 1e-3


@ADAPTED_OR_WHOLE
def test_the_last_step_of_an_epoch_may_be_short(checkpoint: str, tmp_path: Path, settings: dict[str, Any]) -> None:
    """Four examples, three a step: the second step sees one, and its loss is the mean over that one's targets."""
    config = tiny_config(
        checkpoint,
        tmp_path,
        training__max_steps=None,
        training__epochs=2.0,
        training__batch_size=3,
        training__learning_rate=1e-12,
        **settings,
    )
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    trainer = LLMTrainer(config, model, tokenizer, dataset)
    results = trainer.train()
    assert results["steps"] == 4
    assert results["trained_tokens"] == 2 * sum(len(item["input_ids"]) for item in dataset)
    losses = [entry["loss"] for entry in trainer.trainer.state.log_history if "loss" in entry]
    for epoch in (0, 1):
        sampler = ShuffledSampler(4, config.training.seed)
        sampler.set_epoch(epoch)
        last = list(sampler)[-1]
        alone = LLMTrainer(config, model, tokenizer, dataset, [dataset[last]]).evaluate()["eval_loss"]
        assert losses[2 * epoch + 1] == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize(("dropout", "different"), [(0.2, 3), (0.0, 1)])
def test_each_step_drops_other_elements(checkpoint: str, tmp_path: Path, dropout: float, different: int) -> None:
    """One example, and weights that stand still: only dropout can change the loss."""
    config = tiny_config(
        checkpoint, tmp_path, lora__dropout=dropout, training__max_steps=3, training__learning_rate=1e-30
    )
    model, tokenizer = load_tiny(config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    trainer = LLMTrainer(config, model, tokenizer, [tiny_dataset(tokenizer)[0]])
    trainer.train()
    losses = {entry["loss"] for entry in trainer.trainer.state.log_history if "loss" in entry}
    assert len(losses) == different


@pytest.mark.parametrize("settings", [{}, {"lora__use_qlora": False}, WHOLE], ids=["qlora", "lora", "whole"])
def test_two_runs_are_bit_identical(checkpoint: str, tmp_path: Path, settings: dict[str, Any]) -> None:
    results = []
    for name in ("a", "b"):
        config = tiny_config(
            checkpoint,
            tmp_path,
            lora__dropout=0.1,
            training__max_steps=3,
            training__micro_batch_tokens=64,
            experiment__name=name,
            **settings,
        )
        results.append(trained(config))
        torch.rand(5)
    assert all(torch.equal(results[0][name], value) for name, value in results[1].items())


@pytest.mark.parametrize("optimizer", ["adamw_torch", "adamw_torch_fused"])
def test_a_resumed_run_ends_as_an_unbroken_one(checkpoint: str, tmp_path: Path, optimizer: str) -> None:
    """From the middle of the second epoch, with dropout and a schedule."""
    arguments: dict[str, Any] = {
        "training__optim": optimizer,
        "lora__dropout": 0.1,
        "training__max_steps": 6,
        "training__batch_size": 1,
        "training__eval_steps": 1,
        "training__save_total_limit": 10,
    }
    config = tiny_config(checkpoint, tmp_path, experiment__name="whole", **arguments)
    model, tokenizer = load_tiny(config)
    whole = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
    whole.trainer.train()
    again = tiny_config(checkpoint, tmp_path, experiment__name="resumed", **arguments)
    model, tokenizer = load_tiny(again)
    resumed = LLMTrainer(again, model, tokenizer, tiny_dataset(tokenizer))
    resumed.trainer.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoints" / "checkpoint-4"))
    used = resumed.trainer.optimizer
    assert isinstance(getattr(used, "optimizer", used), PreparedAdamW) == (optimizer == "adamw_torch_fused")
    ends = [weights(tmp_path / name / "checkpoints" / "checkpoint-6") for name in ("whole", "resumed")]
    assert all(torch.equal(ends[1][name], value) for name, value in ends[0].items())


def test_an_adapter_made_by_eva_trains(checkpoint: str, tmp_path: Path) -> None:
    config = tiny_config(
        checkpoint, tmp_path, lora__init="eva", lora__r=2, training__batch_size=4, training__engine="packed"
    )
    adapter = trained(config)
    assert any(value.abs().max() > 1e-3 for name, value in adapter.items() if "lora_B" in name)


def test_a_run_of_two_threads_computes_micro_batches_side_by_side(checkpoint: str, tmp_path: Path) -> None:
    """It ends with what one thread ends with, but for rounding."""
    threads, ends = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            run = evaluated("packed", checkpoint, tmp_path / str(count))
            assert isinstance(run.trainer, PackedTrainer)
            assert (run.trainer.side_by_side is not None) == (count == 2)
            ends.append(weights(run.train()["model_path"]))
    finally:
        torch.set_num_threads(threads)
    assert difference(*ends) <= 1e-4
