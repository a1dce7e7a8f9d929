"""The exported chat template renders the training prompt, id for id, over families, formats and languages."""

from functools import cache
from typing import Any

import pytest

from src.config.schema import Config
from src.data.prompt.templates import create_prompt_template
from src.data.prompt.text_encoder import TextEncoder
from src.errors import YoyakError
from src.export.chat_template import bos_text, trained_chat_template, training_messages
from src.tests.real_tokenizers import CHATML, LLAMA, shared_tokenizer, smollm2_tokenizer, tiny_tokenizer

DIALOGUES = ["#Person1#: Lunch at 12:30?\n#Person2#: Yes.", "  민지: 안녕하세요!\n준호: 네, 3시에 봐요.  "]
ODD = "Say \"so\" or 'not' \\ {{ now }} {% if %}\n둘째 줄"


def tokenizer_of(name: str) -> Any:
    if name == "smollm2":
        return smollm2_tokenizer()
    return shared_tokenizer(name) if name in ("llama3", "qwen3") else tiny_tokenizer(name)


def config_of(chat_template: str, **dataset: Any) -> Config:
    return Config.model_validate(
        {
            "model": {"checkpoint": "x", "chat_template": chat_template},
            "dataset": dataset,
            "experiment": {"name": "x"},
        }
    )


@cache
def encoder_of(name: str) -> TextEncoder:
    """Return a tokenizer's encoder, which takes a second to make for a large vocabulary."""
    return TextEncoder(tokenizer_of(name))


def prompt_of(config: Config, tokenizer: Any, encoder: TextEncoder | None = None) -> Any:
    data = config.dataset
    return create_prompt_template(
        tokenizer,
        encoder_max_len=1024,
        decoder_max_len=100,
        format_type=data.format_type,
        chat_template=config.model.chat_template,
        language=data.language,
        system=data.system,
        instruction=data.instruction,
        encoder=encoder,
    )


def ids_of(tokenizer: Any, template: str, messages: list[dict[str, str]]) -> list[int]:
    text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)
    ids: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return ids


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    "dataset",
    [
        {"format_type": "chat"},
        {"format_type": "chat", "system": ""},
        {"format_type": "chat", "system": ODD, "instruction": ODD},
        {"format_type": "instruction"},
        {"format_type": "instruction", "instruction": ODD},
    ],
    ids=["chat", "no system", "own texts", "instruction", "own instruction"],
)
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("llama3", "llama"),
        ("llama3", "auto"),
        ("qwen3", "qwen"),
        ("qwen3", "auto"),
        ("smollm2", "qwen"),
        ("llama", "llama"),
        ("llama", "auto"),
        ("chatml", "qwen"),
        ("chatml", "auto"),
    ],
)
def test_ids_are_those_of_training(name: str, layout: str, dataset: dict[str, Any], language: str) -> None:
    tokenizer, config = tokenizer_of(name), config_of(layout, language=language, **dataset)
    prompt = prompt_of(config, tokenizer, encoder_of(name))
    template = trained_chat_template(config, tokenizer, prompt)
    for dialogue in DIALOGUES:
        expected = prompt.encode_prompt(dialogue)
        assert ids_of(tokenizer, template, training_messages(config, dialogue)) == expected
        if layout != "auto":  # a request without system message gets the one of training
            messages = training_messages(config, dialogue, with_system=False)
            assert ids_of(tokenizer, template, messages) == expected


@pytest.mark.parametrize(("name", "bos"), [("llama", "<|begin_of_text|>"), ("chatml", ""), ("plain", "")])
def test_only_llama_starts_with_bos(name: Any, bos: str) -> None:
    config = config_of("auto", format_type="instruction")
    assert bos_text(config, tiny_tokenizer(name)) == bos
    assert bos_text(config, tiny_tokenizer("plain", adds_bos=True)) == "<s>"


def test_the_layout_as_text() -> None:
    config = config_of("qwen", language="en")
    tokenizer = tiny_tokenizer("chatml")
    tokenizer.chat_template = trained_chat_template(config, tokenizer, prompt_of(config, tokenizer))
    messages = [
        {"role": "user", "content": " A: Hi. "},
        {"role": "assistant", "content": "A greeting."},
        {"role": "user", "content": "B: Bye."},
    ]
    assert tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>system\nYou are an expert at summarizing dialogues.<|im_end|>\n"
        "<|im_start|>user\nA: Hi.<|im_end|>\n"
        "<|im_start|>assistant\nA greeting.<|im_end|>\n"
        "<|im_start|>user\nB: Bye.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("quote", ["'", '"'])
def test_the_date_is_fixed_and_thinking_is_off(quote: str) -> None:
    tokenizer, config = tiny_tokenizer("chatml"), config_of("auto", language="en")
    dated = f"{{% set today = strftime_now({quote}%d %b %Y{quote}) %}}<|im_start|>day {{{{ today }}}}<|im_end|>\n"
    thinking = "{% if not enable_thinking is defined or enable_thinking %}<think>{% endif %}"
    tokenizer.chat_template = dated + CHATML + thinking
    template = trained_chat_template(config, tokenizer, prompt_of(config, tokenizer))
    assert "strftime_now" not in template
    rendered = tokenizer.apply_chat_template(
        training_messages(config, "A: Hi."), chat_template=template, tokenize=False, add_generation_prompt=True
    )
    assert rendered.startswith("<|im_start|>day 26 Jul 2024<|im_end|>\n")
    assert "<think>" not in rendered


def test_a_template_without_bos_gets_it() -> None:
    tokenizer, config = tiny_tokenizer("llama"), config_of("auto", language="en")
    tokenizer.chat_template = LLAMA.removeprefix("{{ bos_token }}")
    prompt = prompt_of(config, tokenizer)
    template = trained_chat_template(config, tokenizer, prompt)
    assert ids_of(tokenizer, template, training_messages(config, DIALOGUES[0])) == prompt.encode_prompt(DIALOGUES[0])


def test_a_template_that_can_not_render_the_prompt_is_refused() -> None:
    tokenizer, config = tiny_tokenizer("chatml"), config_of("auto", language="en")
    tokenizer.chat_template = CHATML
    prompt = prompt_of(config, tokenizer)
    tokenizer.chat_template = CHATML.replace("<|im_end|>", "<|im_end|> ")
    with pytest.raises(YoyakError, match="does not render the training prompt"):
        trained_chat_template(config, tokenizer, prompt)
