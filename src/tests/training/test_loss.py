import pytest
import torch

from src.data.batches.padding import RightPadder
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training import loss
from src.training.loss import response_loss


@pytest.fixture
def model_and_batch(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"), lora__use_qlora=False)
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    return model.get_base_model(), RightPadder(0)([dataset[index] for index in range(4)])


def reference_loss(model, batch):
    """The whole sequence's logits in float64, positions picked one by one."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.double()
    total, targets = 0.0, 0
    for row, labels in zip(logits, batch["labels"], strict=True):
        for position, label in enumerate(labels[1:].tolist()):
            if label != -100:
                total = total - torch.log_softmax(row[position], dim=-1)[label]
                targets += 1
    return total, targets


def gradients(model, value):
    model.zero_grad()
    value.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_equal_gradients(ours, reference):
    assert ours.keys() == reference.keys()
    assert ours
    for name, gradient in ours.items():
        assert torch.allclose(gradient, reference[name], rtol=1e-4, atol=1e-6), name


def test_loss_and_gradients_equal_the_whole_sequence_in_float64(model_and_batch):
    model, batch = model_and_batch
    total, targets = response_loss(model, batch)
    expected, expected_targets = reference_loss(model, batch)
    assert targets == expected_targets == int((batch["labels"] != -100).sum())
    assert total.item() == pytest.approx(expected.item(), rel=1e-6)
    assert_equal_gradients(gradients(model, total), gradients(model, reference_loss(model, batch)[0]))


def test_chunks_change_nothing(model_and_batch, monkeypatch):
    model, batch = model_and_batch
    whole, targets = response_loss(model, batch)
    by_whole = gradients(model, whole)
    monkeypatch.setattr(loss, "_CHUNK", 5)
    assert targets > 3 * 5
    chunked, _ = response_loss(model, batch)
    assert chunked.item() == pytest.approx(whole.item(), rel=1e-6)
    assert_equal_gradients(gradients(model, chunked), by_whole)
    with torch.no_grad():
        assert response_loss(model, batch)[0].item() == pytest.approx(whole.item(), rel=1e-6)


def test_a_changed_prompt_label_is_no_target(model_and_batch):
    model, batch = model_and_batch
    before, _ = response_loss(model, batch)
    padded = {
        name: torch.nn.functional.pad(tensor, (0, 7), value={"labels": -100}.get(name, 0))
        for name, tensor in batch.items()
    }
    after, _ = response_loss(model, padded)
    assert after.item() == pytest.approx(before.item(), rel=1e-6)


@pytest.mark.parametrize("chunk", [1024, 5])
def test_a_16_bit_head_is_summed_in_float32(model_and_batch, monkeypatch, chunk):
    """The head's own logits, in bf16, go through the cross entropy in float32."""
    model, batch = model_and_batch
    model.to(torch.bfloat16)
    monkeypatch.setattr(loss, "_CHUNK", chunk)
    with torch.no_grad():
        total, targets = response_loss(model, batch)
        expected, _ = reference_loss(model, batch)
    assert total.dtype == torch.float32
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert targets > 5


def test_a_chunk_is_1024_positions():
    assert loss._CHUNK == 1024
    assert loss._CPU_LOGITS == 256 * 262_144  # Gemma's vocabulary: 0.27 GB in float32


def test_an_evaluation_on_a_cpu_holds_few_logits_of_a_large_vocabulary(model_and_batch, monkeypatch):
    model, batch = model_and_batch
    right, positions = loss.position_logits, []
    monkeypatch.setattr(loss, "position_logits", lambda m, states: positions.append(len(states)) or right(m, states))
    whole, targets = response_loss(model, batch)
    monkeypatch.setattr(loss, "_CPU_LOGITS", 4 * len(model.get_input_embeddings().weight) + 1)
    with torch.no_grad():
        assert response_loss(model, batch)[0].item() == pytest.approx(whole.item(), rel=1e-6)
    full, rest = divmod(targets, 4)
    assert positions == [targets] + [4] * full + [rest] * (rest > 0)


def test_a_hybrids_states_begin_anew_at_each_padded_example():
    """What the trainer engine trains on: packed rows leak one example's state into the next (transformers #48718)."""
    model = adapted_model("qwen3_5_text", torch.float64, {}, **WRITTEN_OUT["qwen3_5_text"]).get_base_model()
    items = examples([(37, 9), (12, 3), (70, 5)])
    items = [{**item, "attention_mask": torch.ones_like(item["input_ids"])} for item in items]
    total, targets = response_loss(model, RightPadder(0)(items))
    alone = [response_loss(model, RightPadder(0)([item]))[0].item() for item in items]
    assert targets == 17
    assert total.item() == pytest.approx(sum(alone), rel=1e-6)
