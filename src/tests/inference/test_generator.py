"""Generation on tiny models: the prompt, what is decoded, padding, order."""

import pytest
import torch

from src.config.schema import GenerationSettings
from src.data.llm_dataset import create_llm_dataset
from src.inference.generator import generate_summaries, generating
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config, train_tiny, write_tiny_model


@pytest.fixture
def loaded(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__use_qlora=False)
    model, tokenizer = load_tiny(config)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=12, format_type="chat", language="en")
    return model, tokenizer, dataset


def greedy(model, ids, end_id, most):
    """The slow way: the whole sequence again for each token, no cache, no padding."""
    new = []
    with torch.no_grad():
        while len(new) < most:
            token = model(input_ids=torch.tensor([ids + new]), use_cache=False).logits[0, -1].argmax().item()
            if token == end_id:
                return new, True
            new.append(token)
    return new, False


def test_summaries_equal_a_greedy_loop_on_the_training_prompt(loaded):
    """Traps 13 and 27: the prompt is the training prompt, and only new tokens are decoded."""
    model, tokenizer, dataset = loaded
    results = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings(batch_size=3))
    model.eval()
    for index, result in enumerate(results):
        prompt = dataset[index]["input_ids"][: int(dataset.prompt_lengths[index])].tolist()
        new, ended = greedy(model, prompt, dataset.prompt.end_id, 12)
        assert result.text == tokenizer.decode(new, skip_special_tokens=True).strip()
        assert result.ended is ended


def test_order_and_batch_size_change_nothing(loaded):
    model, tokenizer, dataset = loaded
    one_by_one = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings(batch_size=1))
    progress = []
    turned = generate_summaries(
        model, tokenizer, dataset.prompt, DIALOGUES[::-1], GenerationSettings(batch_size=3), progress.append
    )
    assert [r.text for r in turned[::-1]] == [r.text for r in one_by_one]
    assert progress == [3, 1]


def test_mode_and_gradients_come_back(loaded):
    model, tokenizer, dataset = loaded
    model.train()
    generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES[:1], GenerationSettings())
    assert model.training
    with generating(model):
        assert not model.training
        assert torch.is_inference_mode_enabled()
    assert not torch.is_inference_mode_enabled()


def test_sampling_and_beams_run(loaded):
    model, tokenizer, dataset = loaded
    for settings in (
        GenerationSettings(do_sample=True, temperature=0.7, top_p=0.9),
        GenerationSettings(num_beams=2, length_penalty=0.5, repetition_penalty=1.1, no_repeat_ngram_size=3),
    ):
        assert len(generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES[:2], settings)) == 2


def test_a_trained_model_ends_its_summary(tmp_path):
    """Traps 3 and 4: the end token carries loss, so a model that learned its summaries stops after them."""
    config = tiny_config(
        write_tiny_model(tmp_path / "base"), tmp_path, training__max_steps=80, training__batch_size=4, lora__r=16
    )
    model, tokenizer = load_tiny(config)
    train_tiny(config, model, tokenizer)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=40, format_type="chat", language="en")
    results = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings())
    assert [result.text for result in results] == SUMMARIES
    assert all(result.ended for result in results)
