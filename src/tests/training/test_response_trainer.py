import pytest
import torch
from safetensors.torch import load_file

from src.data.llm_dataset import create_llm_dataset
from src.models import compute
from src.tests.tiny_models import (
    DIALOGUES,
    SUMMARIES,
    load_tiny,
    tiny_config,
    tiny_dataset,
    train_tiny,
    write_tiny_model,
)
from src.training.llm_trainer import LLMTrainer
from src.training.samplers import SimilarLengthSampler


@pytest.fixture
def checkpoint(tmp_path):
    return write_tiny_model(tmp_path / "base")


def adapter(folder):
    return load_file(f"{folder}/adapter_model.safetensors")


def test_an_epoch_is_every_example_once_and_the_longest_batch_first():
    lengths = [(7 * n) % 101 + 1 for n in range(501)]
    sampler = SimilarLengthSampler(lengths, batch_size=4, seed=1)
    order = list(sampler)
    assert sorted(order) == list(range(501))
    assert len(sampler) == 501
    assert max(lengths[i] for i in order[:4]) == 101
    batches = [order[start : start + 4] for start in range(0, 501, 4)]
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    assert padded < 1.03 * sum(lengths)


def test_the_order_depends_on_seed_and_epoch_only():
    lengths = list(range(1, 60))

    def orders(seed):
        sampler = SimilarLengthSampler(lengths, batch_size=4, seed=seed)
        return [list(sampler), list(sampler)]

    first, second = orders(3)
    assert orders(3) == [first, second]
    assert first != second
    assert orders(4)[0] != first
    sampler = SimilarLengthSampler(lengths, batch_size=4, seed=3)
    sampler.set_epoch(1)
    assert list(sampler) == second


def test_fewer_examples_than_a_batch():
    assert sorted(SimilarLengthSampler([3, 1, 2], batch_size=8, seed=0)) == [0, 1, 2]


def test_accumulated_uneven_micro_batches_equal_one_batch(checkpoint, tmp_path):
    """Trap 18: the mean of micro-batch means would weigh the short summaries' batches too much."""
    results = {}
    for name, batch_size, accumulation in (("one", 4, 1), ("four", 1, 4)):
        config = tiny_config(
            checkpoint,
            tmp_path,
            lora__use_qlora=False,
            training__engine="trainer",
            training__batch_size=batch_size,
            training__gradient_accumulation_steps=accumulation,
            training__optim="adafactor",
            experiment__name=name,
        )
        results[name] = adapter(train_tiny(config, *load_tiny(config)))
    for key, weight in results["one"].items():
        assert torch.allclose(weight, results["four"][key], atol=2e-5), key
    assert any(weight.abs().max() > 1e-3 for key, weight in results["one"].items() if "lora_B" in key)


def test_evaluation_loss_is_the_mean_over_target_tokens_for_any_batch_size(checkpoint, tmp_path):
    losses = []
    for batch_size in (1, 3, 4):
        config = tiny_config(checkpoint, tmp_path, lora__use_qlora=False, training__eval_batch_size=batch_size)
        model, tokenizer = load_tiny(config)
        dataset = tiny_dataset(tokenizer)
        losses.append(LLMTrainer(config, model, tokenizer, dataset, dataset).evaluate()["eval_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert losses[2] == pytest.approx(losses[0], rel=1e-6)


def test_two_runs_are_bit_identical(checkpoint, tmp_path):
    """Trap 20, with dropout, NEFTune and the 4-bit base."""
    weights = []
    for name in ("a", "b"):
        config = tiny_config(
            checkpoint,
            tmp_path,
            lora__dropout=0.1,
            training__engine="trainer",
            training__neftune_noise_alpha=5.0,
            training__max_steps=3,
            experiment__name=name,
        )
        weights.append(adapter(train_tiny(config, *load_tiny(config))))
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_another_seed_gives_another_adapter(checkpoint, tmp_path):
    weights = []
    for seed in (1, 2):
        config = tiny_config(checkpoint, tmp_path, training__seed=seed, experiment__name=f"seed{seed}")
        weights.append(adapter(train_tiny(config, *load_tiny(config))))
    assert not all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize("engine", [pytest.param("trainer", marks=pytest.mark.long), "packed"])
def test_loss_falls_and_the_end_token_is_learned(checkpoint, tmp_path, engine):
    config = tiny_config(
        checkpoint,
        tmp_path,
        training__engine=engine,
        training__max_steps=30,
        training__batch_size=4,
        training__learning_rate=2e-2,
        lora__r=16,
    )
    model, tokenizer = load_tiny(config)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, format_type="chat", language="en")
    trainer = LLMTrainer(config, model, tokenizer, dataset, dataset)
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before / 3
    item = dataset[0]
    with torch.no_grad():
        logits = trainer.model(input_ids=item["input_ids"][None, :-1]).logits
    assert logits[0, -1].argmax() == item["input_ids"][-1] == dataset.prompt.end_id


def test_adapters_compute_in_16_bit_and_keep_float32_weights(checkpoint, tmp_path, monkeypatch):
    """Trap 14: without autocast PEFT casts activations to the adapters' float32."""
    monkeypatch.setattr(compute, "cpu_product_rates", lambda: {"fp32": 30.0, "bf16": 60.0})
    config = tiny_config(checkpoint, tmp_path, training__engine="trainer")
    model, tokenizer = load_tiny(config)
    layers = {name: module for name, module in model.named_modules() if name.endswith("lora_A.default")}
    computed = []
    for layer in layers.values():
        layer.register_forward_hook(lambda module, inputs, output: computed.append(output.dtype))
    train_tiny(config, model, tokenizer)
    assert set(computed) == {torch.bfloat16}
    assert {layer.weight.dtype for layer in layers.values()} == {torch.float32}


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_tokens_are_summed_over_the_micro_batches_of_a_step(checkpoint, tmp_path, engine):
    config = tiny_config(
        checkpoint, tmp_path, training__engine=engine, training__gradient_accumulation_steps=2, training__max_steps=2
    )
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    results = LLMTrainer(config, model, tokenizer, dataset).train()
    assert results["trained_tokens"] == 2 * sum(len(item["input_ids"]) for item in dataset)


def test_what_was_learned_from_faults_is_taken_over(checkpoint, tmp_path):
    config = tiny_config(checkpoint, tmp_path)
    model, tokenizer = load_tiny(config)
    trainers = [LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer)).trainer for _ in range(2)]
    first, second = trainers
    first.guard.now.bad_steps, first.guard.now.rollbacks = 3, 2
    first.room.count, first.evaluation_room.count = 4, 5
    assert second.faults_state() != first.faults_state()
    second.load_faults_state(first.faults_state())
    assert second.faults_state() == first.faults_state()
    assert (second.guard.now.bad_steps, second.guard.now.rollbacks) == (3, 2)
    assert (second.room.count, second.evaluation_room.count) == (4, 5)
