"""Samples of the model before refining: drawn by its adapter, compared with, never chosen."""

import pytest

from src.config.schema import GenerationSettings
from src.data.llm_dataset import create_llm_dataset
from src.inference import generator, mbr_temperature
from src.inference.generator import generate_summaries
from src.inference.mbr import MbrChooser
from src.inference.mbr_start import start_samples
from src.models.adapter_values import AdapterValues
from src.models.generation_settings import end_ids_of
from src.tests.models.test_adapter_values import saved
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config, write_tiny_model


@pytest.mark.parametrize("fast", [True, False], ids=["our decoder", "transformers"])
def test_as_many_samples_are_the_starts_and_are_no_candidates(tmp_path, monkeypatch, fast):
    """They are what the model before refining draws as its own next samples, at a temperature found for it."""
    if not fast:
        for module in (generator, mbr_temperature):
            monkeypatch.setattr(module, "generates_fast", lambda model: False)
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__use_qlora=False)
    model, tokenizer = load_tiny(config)
    folder = saved(model, tmp_path / "before", 1)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=12, format_type="chat", language="en")
    ends, prompts = end_ids_of(model, dataset.prompt.end_id), dataset.prompt.encode_prompts(DIALOGUES)
    add, seen = MbrChooser.add, {}
    way = {"min_new_tokens": 12}  # none ends, so none comes before others for that

    def spy(self, dialogue, texts, references):
        seen[dialogue] = [*texts], [*references]
        add(self, dialogue, texts, references)

    monkeypatch.setattr(MbrChooser, "add", spy)

    def generated(temperature, start=None, samples=5, **settings):
        seen.clear()
        how = GenerationSettings(mbr_samples=samples, mbr_temperature=temperature, **way, **settings)
        return generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, how, start=start), dict(seen)

    said = []
    _, auto = generated("auto", samples=10)
    _, before = generated(0.7, samples=10)
    saved(model, tmp_path / "refined", 2)
    _, own = generated(1.1)
    how = GenerationSettings(mbr_samples=5, **way)
    start = start_samples(folder, model, tokenizer, prompts, how, ends, 12, said.append)
    assert said[0].startswith(
        f"MBR: the samples are also compared with as many of the model before refining ({folder}), "
    )
    _, both = generated(1.1, start)
    again = start_samples(folder, model, tokenizer, prompts, how, ends, 12, said.append, 0.7)
    assert said[1].partition("drawn at temperature ")[2] == "0.7 and not chosen from"
    chosen, at_its_own = generated(1.1, again)
    for index in range(len(DIALOGUES)):
        assert (own[index][1], len(own[index][0])) == ([], 6)
        assert both[index] == (own[index][0], auto[index][0][6:])
        assert at_its_own[index] == (own[index][0], before[index][0][6:])
        assert chosen[index].text in own[index][0]
    assert generated(1.1, again, batch_size=3)[1] == at_its_own
    assert generated(1.1)[1] == own  # the refined adapter is back
    assert isinstance(again.adapter, AdapterValues)
