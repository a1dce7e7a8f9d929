"""The Modelfile: read as Ollama reads it, its template gives the training prompt, token for token."""

import re
from typing import Any

import pytest

from src.config.schema import Config
from src.export.ollama import dialogue_prompt, modelfile
from src.tests.export.test_chat_template import ODD, config_of, encoder_of, prompt_of, tokenizer_of
from src.tests.real_tokenizers import tiny_tokenizer

DIALOGUE = "#Person1#: Lunch at 12:30?\n#Person2#: 네, 좋아요."


def template_of(text: str) -> str:
    """Return the template of a Modelfile by the rules of Ollama's parser: what stands between triple quotes."""
    quoted = re.search(r'^TEMPLATE """(.*?)"""$', text, flags=re.MULTILINE | re.DOTALL)
    assert quoted is not None
    # Ollama drops what Go's strconv.IsPrint calls unprintable, but for line ends and tabs.
    assert all(character in "\n\t" or character.isprintable() for character in quoted[1])
    return quoted[1]


def rendered(template: str, prompt: str) -> str:
    """Return what Go's text/template prints before the answer, for the actions that are used here."""
    before_answer, _, _ = template.partition("{{ .Response }}")

    def value(action: re.Match[str]) -> str:
        code = action[1]
        if code == ".Prompt":
            return prompt
        assert re.fullmatch(r'"(\\U[0-9a-f]{8})+"', code)
        return code[1:-1].encode().decode("unicode_escape")

    return re.sub(r"\{\{ (.*?) \}\}", value, before_answer)


def ids_of(config: Config, tokenizer: Any, text: str) -> list[int]:
    """Return the ids that llama.cpp reads: the BOS where the GGUF file says so, control tokens in the text."""
    head = tokenizer("", add_special_tokens=True).input_ids if config.model.chat_template == "llama" else []
    ids: list[int] = head + tokenizer(text, add_special_tokens=False).input_ids
    return ids


@pytest.mark.parametrize(
    "dataset",
    [{}, {"system": ""}, {"system": ODD + '"""\u3000', "instruction": '{{ x }}"""'}, {"language": "en"}],
    ids=["default", "no system", "odd texts", "English"],
)
@pytest.mark.parametrize(("name", "layout"), [("llama3", "llama"), ("qwen3", "qwen"), ("smollm2", "qwen")])
def test_the_template_is_the_training_prompt(name: str, layout: str, dataset: dict[str, Any]) -> None:
    tokenizer, config = tokenizer_of(name), config_of(layout, **dataset)
    prompt = prompt_of(config, tokenizer, encoder_of(name))
    template = template_of(modelfile(config, tokenizer, prompt, "m.gguf", 8192))
    assert ids_of(config, tokenizer, rendered(template, DIALOGUE)) == prompt.encode_prompt(DIALOGUE)


@pytest.mark.parametrize(("name", "layout"), [("llama", "auto"), ("chatml", "auto"), ("plain", "auto")])
def test_the_instruction_format_too(name: Any, layout: str) -> None:
    tokenizer, config = tiny_tokenizer(name), config_of(layout, format_type="instruction", language="en")
    before, after = dialogue_prompt(config, tokenizer, prompt_of(config, tokenizer))
    assert before == ("### Instruction:\nPlease summarize the following dialogue concisely.\n\n### Input:\n")
    assert after == "\n\n### Response:\n"


def test_the_whole_file() -> None:
    config = config_of("llama", language="en")
    tokenizer = tiny_tokenizer("llama")
    prompt = prompt_of(config, tokenizer)
    assert modelfile(config, tokenizer, prompt, "calls-q8_0.gguf", 8192) == (
        "# A summarizer: send a dialogue, one turn a line, and nothing else.\n"
        "# The template adds the texts that the model was trained with.\n"
        "FROM ./calls-q8_0.gguf\n"
        'TEMPLATE """<|start_header_id|>system<|end_header_id|>\n\n'
        "You are an expert at summarizing dialogues.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
        "Please summarize the following dialogue:\n{{ .Prompt }}<|eot_id|>"
        '<|start_header_id|>assistant<|end_header_id|>\n\n{{ .Response }}<|eot_id|>"""\n'
        'PARAMETER stop "<|eot_id|>"\n'
        'PARAMETER stop "<|end_of_text|>"\n'
        "PARAMETER temperature 0\n"
        "PARAMETER repeat_penalty 1\n"
        "PARAMETER num_ctx 1280\n"  # 1024 + 100, in steps of 256
        "PARAMETER num_predict 100\n"
    )


def test_the_context_is_no_longer_than_the_models_and_sampling_is_kept() -> None:
    config = config_of("qwen")
    config.generation.do_sample, config.generation.temperature = True, 0.7
    config.generation.repetition_penalty = 1.2
    text = modelfile(config, tiny_tokenizer("chatml"), prompt_of(config, tiny_tokenizer("chatml")), "m.gguf", 512)
    assert "PARAMETER num_ctx 512\n" in text
    assert "PARAMETER temperature 0.7\nPARAMETER top_k 0\nPARAMETER top_p 1\n" in text  # Ollama's own: 40 and 0.9
    assert "PARAMETER repeat_penalty 1.2\n" in text
