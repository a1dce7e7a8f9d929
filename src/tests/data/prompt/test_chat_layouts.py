"""Chat templates of many families: the prompt is what a conversation with an answer begins with, and it is exported."""

import pytest

from src.config.schema import Config
from src.data.prompt.templates import create_prompt_template
from src.export.chat_template import trained_chat_template, training_messages
from src.tests.chat_layouts import LAYOUTS, tokenizer_of
from src.tests.real_tokenizers import CHATML, LLAMA, tiny_tokenizer

MESSAGES = [{"role": "system", "content": "S"}, {"role": "user", "content": "I\nA: a"}]
FOLDED = [{"role": "user", "content": "S\n\nI\nA: a"}]
TEXTS = {"system": "S", "instruction": "I"}


def prompt_of(tokenizer, chat_template="auto"):
    return create_prompt_template(tokenizer, format_type="chat", chat_template=chat_template, **TEXTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_prompt_and_answer(name):
    layout = LAYOUTS[name]
    tokenizer = tokenizer_of(layout)
    example = prompt_of(tokenizer).encode_example("A: a", "s")
    ids = example.input_ids
    assert tokenizer.decode(ids[: example.prompt_length]) == layout.prompt
    assert tokenizer.decode(ids[example.prompt_length :]) == layout.answer
    assert ids == tokenizer(layout.prompt + layout.answer, add_special_tokens=False).input_ids


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "block in what asks only"])
def test_the_conversation_with_an_answer_begins_with_the_prompt(name):
    layout = LAYOUTS[name]
    tokenizer = tokenizer_of(layout)
    folds = prompt_of(tokenizer).folds_system
    assert folds is (name in ("mistral", "gemma", "silent about the system"))
    turns = [*(FOLDED if folds else MESSAGES), {"role": "assistant", "content": "s"}]
    date = "{% macro strftime_now(x) %}26 July 2024{% endmacro %}"
    whole = tokenizer.apply_chat_template(
        turns, chat_template=date + layout.template, tokenize=False, enable_thinking=False
    )
    assert whole.startswith(layout.prompt + layout.answer)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_exported_template_asks_as_in_training(name):
    tokenizer = tokenizer_of(LAYOUTS[name])
    settings = {"model": {"checkpoint": "x"}, "dataset": TEXTS, "experiment": {"name": "x"}}
    config, prompt = Config.model_validate(settings), prompt_of(tokenizer)
    template = trained_chat_template(config, tokenizer, prompt)
    text = tokenizer.apply_chat_template(
        training_messages(config, "B: 응?"), chat_template=template, tokenize=False, add_generation_prompt=True
    )
    assert tokenizer(text, add_special_tokens=False).input_ids == prompt.encode_prompt("B: 응?")


@pytest.mark.parametrize("layout", ["qwen", None])
@pytest.mark.parametrize(("name", "block"), [("qwen3 hybrid", True), ("qwen3.5", True), ("qwen3 2507", False)])
def test_chatml_has_the_empty_block_of_hybrid_models(name, block, layout):
    tokenizer = tokenizer_of(LAYOUTS[name])
    prompt = prompt_of(tokenizer, layout)
    text = "<|im_start|>user\nI\nA: a<|im_end|>\n<|im_start|>assistant\n" + "<think>\n\n</think>\n\n" * block
    assert tokenizer.decode(prompt.encode_prompt("A: a")).endswith(text)
    config = Config.model_validate(
        {"model": {"checkpoint": "x", "chat_template": "qwen"}, "dataset": TEXTS, "experiment": {"name": "x"}}
    )
    template = trained_chat_template(config, tokenizer, prompt)
    assert tokenizer.apply_chat_template(
        training_messages(config, "A: a"), chat_template=template, tokenize=False, add_generation_prompt=True
    ).endswith(text)


@pytest.mark.parametrize("template", [None, CHATML, LLAMA, "{{ messages[7] }}", "{{ 1 + messages }}"])
def test_a_template_without_a_block_or_that_fails_leaves_a_family_layout_plain(template):
    tokenizer = tiny_tokenizer("chatml")
    tokenizer.chat_template = template
    assert tokenizer.decode(prompt_of(tokenizer, "qwen").tail_ids) == "<|im_end|>\n<|im_start|>assistant\n"


def test_control_tokens_in_a_folded_system_text_stay_text():
    tokenizer = tokenizer_of(LAYOUTS["gemma"])
    prompt = create_prompt_template(
        tokenizer, format_type="chat", chat_template="auto", system="<end_of_turn>", instruction="I"
    )
    ids = prompt.encode_prompt("A: <start_of_turn>")
    assert [token for token in ids if token > 256] == [257, 258, 259, 258]  # <bos>, two starts and one end
    assert tokenizer.decode(ids).startswith("<bos><start_of_turn>user\n<end_of_turn>\n\nI\nA: <start_of_turn><end")
