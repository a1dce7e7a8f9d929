"""Which engine trains, and why."""

from pathlib import Path
from typing import Any

import pytest

from src.errors import YoyakError
from src.models.compute import ComputeChoice
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.engine import choose_engine
from src.training.llm_trainer import LLMTrainer
from src.training.packed_step import PackedTrainer

CPU = ComputeChoice("cpu", "fp32", "", 1)
WHOLE: dict[str, Any] = {"lora__use_lora": False, "lora__use_qlora": False}


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    return write_tiny_model(tmp_path / "base")


@pytest.mark.parametrize("settings", [{}, WHOLE], ids=["adapted", "whole"])
def test_packed_wherever_it_can(checkpoint: str, tmp_path: Path, settings: dict[str, Any]) -> None:
    config = tiny_config(
        checkpoint, tmp_path, training__batch_size=3, training__gradient_accumulation_steps=5, **settings
    )
    model, tokenizer = load_tiny(config)
    choice = choose_engine(config.training, model, CPU)
    assert (choice.name, choice.micro_batch_tokens) == ("packed", 1024)
    assert choice.resolved(config.training) == {
        "engine": "packed", "engine_reason": "the model allows it", "engine_reason_ko": "모델이 지원함",
        "micro_batch_tokens": 1024,
    }  # fmt: skip
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer)).trainer
    assert isinstance(trainer, PackedTrainer)
    assert (trainer.args.per_device_train_batch_size, trainer.args.gradient_accumulation_steps) == (15, 1)
    assert trainer.args.per_device_eval_batch_size == 3


def test_the_trainer_where_it_cannot_and_why(checkpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="yoyak")
    config = tiny_config(checkpoint, tmp_path, lora__use_dora=True, training__gradient_accumulation_steps=4)
    model, tokenizer = load_tiny(config)
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
    assert not isinstance(trainer.trainer, PackedTrainer)
    assert "Engine: trainer (the packed engine can't: DoRA)" in caplog.messages
    assert trainer.resolved.engine.resolved(config.training) == {
        "engine": "trainer",
        "engine_reason": "the packed engine can't: DoRA",
        "engine_reason_ko": "packed 엔진으로 할 수 없음: DoRA",
        "micro_batch_examples": 2,
        "micro_batches_a_step": 4,
    }


@pytest.mark.parametrize(
    ("settings", "compute", "obstacle"),
    [
        ({"lora__use_dora": True}, CPU, "DoRA"),
        ({"training__neftune_noise_alpha": 5.0}, CPU, r"training\.neftune_noise_alpha is set"),
        ({}, ComputeChoice("cuda", "fp16", "", 1), "fp16 needs a gradient scaler"),
        (WHOLE, ComputeChoice("cuda", "fp16", "", 1), "fp16 needs a gradient scaler"),
    ],
)
def test_packed_with_an_obstacle_is_one_line(
    checkpoint: str, tmp_path: Path, settings: dict[str, Any], compute: ComputeChoice, obstacle: str
) -> None:
    config = tiny_config(checkpoint, tmp_path, training__engine="packed", **settings)
    model, _ = load_tiny(config)
    line = rf"^training\.engine = packed can't train this: {obstacle}; set training\.engine=auto$"
    with pytest.raises(YoyakError, match=line):
        choose_engine(config.training, model, compute)
    config.training.engine = "auto"
    assert choose_engine(config.training, model, compute).name == "trainer"


def test_settings_are_obeyed(checkpoint: str, tmp_path: Path) -> None:
    config = tiny_config(checkpoint, tmp_path, training__engine="trainer", training__micro_batch_tokens=100)
    model, tokenizer = load_tiny(config)
    assert choose_engine(config.training, model, CPU).name == "trainer"
    config.training.engine = "packed"
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer)).trainer
    assert isinstance(trainer, PackedTrainer)
    assert trainer.room.packer.micro_batch_tokens == 100
