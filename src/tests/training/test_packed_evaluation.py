"""The evaluation loss by the packed engine, against the model's own forward on padded batches."""

from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.batches.packing import StepPacker
from src.data.batches.padding import RightPadder
from src.data.prompt.templates import IGNORE
from src.decoder.packed_decoder import PackedDecoder
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples, gradients
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.llm_trainer import LLMTrainer
from src.training.loss import response_loss
from src.training.packed_evaluation import common_beginning, packed_loss, without_padding

LENGTHS = [(60, 7), (35, 4), (48, 12), (25, 3), (33, 1)]
ADAPTED: dict[str, Any] = {"lora_dropout": 0.3}


def padded(shared: int = 0) -> dict[str, torch.Tensor]:
    return RightPadder(0)([one | {"attention_mask": torch.ones_like(one["labels"])} for one in items(shared)])


def items(shared: int = 0) -> list[dict[str, torch.Tensor]]:
    return examples(LENGTHS, shared=shared)


@pytest.mark.parametrize("shared", [0, 20])
@pytest.mark.parametrize("lora", [ADAPTED, None], ids=["adapted", "whole"])
@pytest.mark.parametrize("family", ["llama", "gemma3_text", "qwen3_5_text"])
def test_the_loss_is_that_of_padded_batches(family: str, lora: dict[str, Any] | None, shared: int) -> None:
    model = adapted_model(family, torch.float32, lora, **WRITTEN_OUT[family])
    batch = padded(shared)
    total, targets = packed_loss(PackedDecoder(model), StepPacker(90, shared=shared), batch)
    with torch.no_grad():
        expected, count = response_loss(model.get_base_model() if lora else model, batch)
    assert targets == count == sum(response for _, response in LENGTHS)
    assert (total.dtype, total.device.type) == (torch.float64, "cpu")
    assert float(total) == pytest.approx(float(expected), rel=1e-5)


def test_a_step_after_it_is_what_it_would_have_been() -> None:
    """With dropout, and with activations kept as before."""
    model = adapted_model("llama", torch.float32, ADAPTED)
    decoder, found = PackedDecoder(model, kept_layers=1), []
    step = StepPacker(512)(examples(LENGTHS))
    for evaluates in (False, True):
        if evaluates:
            packed_loss(decoder, StepPacker(90), padded())
        assert (decoder.kept_layers, decoder.keeps_inputs) == (1, True)
        model.zero_grad()
        decoder.add_gradients(step["micro_batches"][0], step["target_tokens"], (3, 1))
        found.append({name: gradient.clone() for name, gradient in gradients(model).items()})
    assert all(torch.equal(found[0][name], gradient) for name, gradient in found[1].items())


def test_it_sees_weights_as_they_are_now_and_keeps_its_sizes_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted_model("llama", torch.float32, ADAPTED)
    decoder = PackedDecoder(model, kept_layers=2)
    before, _ = packed_loss(decoder, StepPacker(90), padded())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.mul_(2)
    after, _ = packed_loss(decoder, StepPacker(90), padded())
    assert abs(float(after - before)) > 1e-3

    def no_memory(*_: Any) -> torch.Tensor:
        raise RuntimeError("no memory")

    monkeypatch.setattr(decoder, "token_losses", no_memory)
    with pytest.raises(RuntimeError):
        packed_loss(decoder, StepPacker(90), padded())
    assert (decoder.kept_layers, decoder.keeps_inputs) == (2, True)


def test_examples_come_out_of_a_padded_batch_as_they_went_in() -> None:
    for item, again in zip(items(), without_padding(padded()), strict=True):
        assert all(torch.equal(item[name], again[name]) for name in ("input_ids", "labels"))


def test_a_common_beginning_ends_before_any_target() -> None:
    assert common_beginning(examples(LENGTHS, shared=20)) == 20
    assert common_beginning(examples(LENGTHS)) == 0
    assert common_beginning(examples(LENGTHS[:1])) == 0  # alone there is nothing to share
    same = examples([(30, 4)]) * 2
    assert common_beginning(same) == 30 - 4 - 1
    blank = [{"input_ids": torch.arange(9), "labels": torch.full((9,), IGNORE)}] * 2
    assert common_beginning(blank) == 0


WHOLE = {"lora__use_lora": False, "lora__use_qlora": False}


@pytest.mark.parametrize(("settings", "rate"), [({}, 0.3), (WHOLE, 0.01)], ids=["adapted", "whole"])
def test_an_evaluation_after_the_training_is_of_the_weights_that_were_kept(
    tmp_path: Path, settings: dict[str, Any], rate: float
) -> None:
    """Not of those that the decoder computed with last: trained on one example, others' summaries get worse."""
    base = write_tiny_model(tmp_path / "base")
    steps = {"training__max_steps": 12, "training__eval_steps": 2, "training__learning_rate": rate}
    config = tiny_config(base, tmp_path, training__engine="packed", training__batch_size=4, **steps, **settings)
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    others = []
    for one in (dataset[1], dataset[2]):
        labels = torch.where(one["labels"] == IGNORE, IGNORE, (one["labels"] + 37) % 200)
        others.append(one | {"labels": labels})
    trainer = LLMTrainer(config, model, tokenizer, [dataset[0]] * 4, others)
    kept = trainer.train()["eval_metrics"]["eval_loss"]
    losses = [entry["eval_loss"] for entry in trainer.trainer.state.log_history if "eval_loss" in entry]
    assert kept == min(losses) < losses[-1]
    assert trainer.evaluate()["eval_loss"] == kept


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_an_evaluation_of_either_engine_has_one_loss(tmp_path: Path, engine: str) -> None:
    base = write_tiny_model(tmp_path / "base")
    config = tiny_config(base, tmp_path, training__engine=engine, training__batch_size=4, training__eval_batch_size=3)
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    trainer = LLMTrainer(config, model, tokenizer, dataset, dataset).trainer
    if engine == "packed":
        assert trainer.evaluates
        trainer.model.get_base_model().model.forward = None  # is not called
        loss = trainer.evaluate()["eval_loss"]
        del trainer.model.get_base_model().model.forward
        trainer.evaluates = False
    else:
        batch = RightPadder(0)([dataset[number] for number in range(4)])
        total, targets = packed_loss(PackedDecoder(model), StepPacker(1024), batch)
        loss = float(total) / targets
    assert trainer.evaluate()["eval_loss"] == pytest.approx(loss, rel=1e-5)
