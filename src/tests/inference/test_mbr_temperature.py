"""The temperature of MBR's samples: where tokens have the wanted entropy, whatever the batches and the decoder."""

import logging

import pytest
import torch

from src.config.schema import GenerationSettings
from src.data.llm_dataset import create_llm_dataset
from src.inference import mbr_temperature as module
from src.inference.generator import generate_summaries, settled
from src.inference.mbr_temperature import DIALOGUES, TEMPERATURES, mbr_temperature
from src.tests.tiny_models import DIALOGUES as FOUR
from src.tests.tiny_models import SUMMARIES, load_tiny, tiny_config, write_tiny_model

MOST = 12


@pytest.fixture(params=["our decoder", "transformers"])
def either(request, monkeypatch):
    """Let either of both generate."""
    if request.param == "transformers":
        monkeypatch.setattr(module, "generates_fast", lambda model: False)


@pytest.fixture
def loaded(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__use_qlora=False)
    model, tokenizer = load_tiny(config)
    dataset = create_llm_dataset(FOUR, SUMMARIES, tokenizer, decoder_max_len=MOST, format_type="chat", language="en")
    return model.eval(), tokenizer, dataset.prompt


def slow_entropies(model, prompts, ends, most, temperature, top_k=0):
    """Return the mean entropy along each prompt's most likely tokens: no cache, no batch, in float64."""
    total, tokens = 0.0, 0
    for prompt in prompts:
        ids = list(prompt)
        while len(ids) - len(prompt) < most and (ids == prompt or ids[-1] not in ends):
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].double()
            ids.append(int(logits.argmax()))
            if top_k:
                logits = logits.topk(top_k).values
            shares = torch.softmax(logits / temperature, dim=0)
            total, tokens = total - float((shares * shares.log()).nan_to_num().sum()), tokens + 1
    return total / tokens


def sharpened(model, factor):
    """Multiply all logits of a model by a factor."""
    with torch.no_grad():
        model.get_base_model().model.norm.weight *= factor


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("top_k", [0, 3])
def test_the_entropy_is_nearest_to_the_target_there(loaded, monkeypatch, top_k):
    model, tokenizer, prompt = loaded
    prompts = prompt.encode_prompts(FOUR)
    a, b = (slow_entropies(model, prompts, [prompt.end_id], MOST, t, top_k) for t in (0.7, 0.8))
    monkeypatch.setattr(module, "TARGET", 0.6 * a + 0.4 * b)
    settings = GenerationSettings(mbr_samples=2, top_k=top_k)
    found = mbr_temperature(model, tokenizer, prompts, settings, [prompt.end_id], MOST)
    assert (found.value, found.dialogues) == (0.7, 4)
    assert found.entropy == pytest.approx(a, rel=1e-4)


@pytest.mark.usefixtures("either")
def test_a_summary_counts_up_to_its_end(loaded):
    model, tokenizer, prompt = loaded
    prompts = prompt.encode_prompts(FOUR)
    with torch.no_grad():
        first = int(model(input_ids=torch.tensor([prompts[0]])).logits[0, -1].argmax())
    found = mbr_temperature(model, tokenizer, prompts, GenerationSettings(mbr_samples=2), [first], MOST)
    assert found.entropy == pytest.approx(slow_entropies(model, prompts, [first], MOST, found.value), rel=1e-4)


def test_a_model_twice_as_sure_draws_at_twice_the_temperature(loaded, monkeypatch):
    model, tokenizer, prompt = loaded
    prompts, settings = prompt.encode_prompts(FOUR), GenerationSettings(mbr_samples=2)
    monkeypatch.setattr(module, "TARGET", slow_entropies(model, prompts, [prompt.end_id], MOST, 0.5))
    values = []
    for _ in range(2):
        values.append(mbr_temperature(model, tokenizer, prompts, settings, [prompt.end_id], MOST).value)
        sharpened(model, 2)
    assert values == [0.5, 1.0]


def test_batches_and_later_dialogues_change_nothing(loaded):
    model, tokenizer, prompt = loaded
    many = [f"A: Is it number {index}?\nB: {'No. ' * (index % 5)}Yes." for index in range(3 * DIALOGUES)]
    prompts = prompt.encode_prompts(many)

    def found(prompts, **settings):
        return mbr_temperature(
            model, tokenizer, prompts, GenerationSettings(mbr_samples=2, **settings), [prompt.end_id], MOST
        )

    whole = found(prompts)
    assert whole == found(prompts[:DIALOGUES]) == found(prompts, batch_size=1) == found(prompts, batch_tokens=1)
    assert whole == found(prompts, seed=5)
    assert whole.entropy != found(prompts[1:]).entropy
    assert whole.dialogues == DIALOGUES


def test_summaries_are_those_at_the_temperature_that_is_found_and_said(loaded, caplog, monkeypatch):
    model, tokenizer, prompt = loaded
    monkeypatch.setattr(module, "TARGET", 2.0)
    auto = GenerationSettings(mbr_samples=5, mbr_metric="chrf")
    said = []
    number = settled(auto, model, tokenizer, prompt.encode_prompts(FOUR), prompt.end_id, MOST, said.append)
    assert number.mbr_temperature == said[0].value in TEMPERATURES
    with caplog.at_level(logging.INFO, logger="yoyak"):
        made = generate_summaries(model, tokenizer, prompt, FOUR, auto)
    assert caplog.messages == [said[0].sentence()]
    assert said[0].sentence() == (
        f"MBR draws at temperature {said[0].value}: the entropy there is {said[0].entropy:.2f} nats a token "
        f"(of 4 dialogues), nearest to 2.00"
    )
    assert made == generate_summaries(model, tokenizer, prompt, FOUR, number)
    assert made != generate_summaries(model, tokenizer, prompt, FOUR, GenerationSettings())


def test_nothing_is_looked_for_without_mbr_with_a_number_or_without_dialogues(loaded):
    model, tokenizer, prompt = loaded
    prompts = prompt.encode_prompts(FOUR)
    for settings, some in (
        (GenerationSettings(), prompts),
        (GenerationSettings(mbr_samples=2, mbr_temperature=0.7), prompts),
        (GenerationSettings(mbr_samples=2), []),
    ):
        assert settled(settings, model, tokenizer, some, prompt.end_id, MOST) is settings
    assert generate_summaries(model, tokenizer, prompt, [], GenerationSettings(mbr_samples=2)) == []
