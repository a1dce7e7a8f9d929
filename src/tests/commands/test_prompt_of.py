"""A trained model is used with the prompt of its training, whatever newer versions would make of its template."""

import json

import pytest
import yaml

from src.commands.model import prompt_of
from src.tests.chat_layouts import LAYOUTS, tokenizer_of
from src.tests.tiny_models import tiny_config

BLOCK = "<think>\n\n</think>\n\n"


@pytest.fixture
def trained(tmp_path):
    """A run's folder, with a function that says what was resolved in it and returns the config of its adapter."""

    def write(resolved, **settings):
        final = tmp_path / "run" / "final_model"
        final.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / "run.json").write_text(json.dumps({"resolved": resolved}))
        config = tiny_config("base", model__chat_template="qwen", **settings)
        (final / "yoyak.yaml").write_text(yaml.safe_dump(config.model_dump()))
        config.lora.adapter = str(final)
        return config

    return write


def test_a_hybrid_model_of_an_older_version_gets_no_block(trained):
    config = trained({"device": "cpu"})
    prompt, notes = prompt_of(config, tokenizer_of(LAYOUTS["qwen3 hybrid"]))
    assert prompt.after == "<|im_end|>\n<|im_start|>assistant\n"
    assert notes == ["An older version trained this model without an empty reasoning block, so it gets none"]
    plain, notes = prompt_of(config, tokenizer_of(LAYOUTS["qwen3 2507"]))
    assert (plain.after, notes) == (prompt.after, [])


def test_one_of_this_version_has_it(trained):
    tokenizer = tokenizer_of(LAYOUTS["qwen3 hybrid"])
    config = trained({})
    config.lora.adapter = None
    prompt, notes = prompt_of(config, tokenizer)
    assert prompt.after == "<|im_end|>\n<|im_start|>assistant\n" + BLOCK
    config = trained({"prompt": prompt.record()})
    again, notes = prompt_of(config, tokenizer)
    assert (again.after, notes) == (prompt.after, [])
    config.dataset.system = "Another."
    _, notes = prompt_of(config, tokenizer)
    assert notes == ["The prompt is not the one that the model was trained with: before differ"]


def test_a_system_message_in_the_instruction_format_is_said_to_be_without_effect():
    tokenizer, settings = tokenizer_of(LAYOUTS["qwen3 2507"]), {"dataset__format_type": "instruction"}
    prompt, notes = prompt_of(tiny_config("base", **settings, dataset__system="Hi."), tokenizer)
    assert notes == ["The instruction format has no system message: dataset.system is without effect"]
    for system in (None, ""):
        assert prompt_of(tiny_config("base", **settings, dataset__system=system), tokenizer)[1] == []
    assert prompt.record() == prompt_of(tiny_config("base", **settings), tokenizer)[0].record()
