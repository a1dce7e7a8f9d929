"""The tokenizer's own template (`auto`): the same prompt every day, without thinking, or a refusal that helps."""

import re

import pytest

from src.data.prompt.templates import create_prompt_template
from src.errors import YoyakError
from src.tests.real_tokenizers import CHATML, tiny_tokenizer


def own(chat_template, kind="chatml"):
    tokenizer = tiny_tokenizer(kind)
    tokenizer.chat_template = chat_template
    template = create_prompt_template(tokenizer, format_type="chat", chat_template="auto", system="S", instruction="I")
    return tokenizer.decode(template.encode_example("A: a", "s").input_ids)


@pytest.mark.parametrize(
    "date",
    [
        "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
        "{{ date_string }}",
        "{{ strftime_now('%d %b %Y') }}",
    ],
)
def test_todays_date_is_fixed(date):
    assert own(date + "\n" + CHATML) == (
        "26 Jul 2024\n<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nI\nA: a<|im_end|>\n"
        "<|im_start|>assistant\ns<|im_end|>"
    )


def test_the_date_keeps_the_templates_layout():
    assert own("\n  {{ strftime_now('%Y-%m-%d') }}" + CHATML).startswith("\n  2024-07-26<|im_start|>")


def test_thinking_is_off():
    think = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    text = own(CHATML.replace("{% endif %}", think + "{% endif %}"))
    assert text.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\ns<|im_end|>")


def test_a_template_that_leaves_bos_to_the_tokenizer_gets_one():
    template = "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|eot_id|>{{ m['content'] }}{% endfor %}"
    assert own(template + "<|eot_id|>", "llama").startswith("<|begin_of_text|><|start_header_id|>system")


def test_a_summary_ends_with_the_first_token_after_it():
    assert own(CHATML.replace("{% endif %}", "{% else %}<|endoftext|>{% endif %}")).endswith("assistant\ns<|im_end|>")


def test_text_after_the_dialogue_is_kept():
    text = own(CHATML.replace("{{ m['content'] }}", "{{ m['content'] }}."))
    assert text == (
        "<|im_start|>system\nS.<|im_end|>\n<|im_start|>user\nI\nA: a.<|im_end|>\n<|im_start|>assistant\ns<|im_end|>"
    )


@pytest.mark.parametrize(
    ("chat_template", "message"),
    [
        ("{{ messages[0]['content'] }}", "chat template changes its messages"),
        ("{{ raise_exception('no system role') }}", "refuses the messages (no system role); set model.chat_template"),
        (CHATML.replace("messages", "messages[1:]"), "chat template changes its messages"),
        ("{{ 1 + messages }}", "refuses the messages ("),
        ("{{ messages[0].content[99999] }}{{ messages[5].role }}", "refuses the messages ("),
        ("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", "chat template has no end token"),
    ],
)
def test_templates_that_can_not_be_used(chat_template, message):
    with pytest.raises(YoyakError, match=re.escape(message)):
        own(chat_template)


def test_without_a_template_the_tokens_tell_the_layout():
    expected = (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nI\nA: a<|im_end|>\n<|im_start|>assistant\ns<|im_end|>"
    )
    assert own(None) == expected
    with pytest.raises(YoyakError, match=r"no chat template of its own; set model\.chat_template"):
        own(None, "plain")
