"""The fixed texts, as the specification words them."""

import pytest

from src.config import load_config
from src.data.prompt.prompts import (
    PROMPT_TEXTS,
    instruction_before,
    instruction_text,
    prompt_arguments,
    system_text,
)
from src.errors import YoyakError


def test_korean_texts():
    texts = PROMPT_TEXTS["ko"]
    assert texts.system == "당신은 대화를 요약하는 전문가입니다."
    assert texts.chat_sentence == "다음 대화를 요약해주세요:"
    assert texts.instruction == "다음 대화를 간결하게 요약해주세요."


def test_english_texts():
    texts = PROMPT_TEXTS["en"]
    assert texts.system == "You are an expert at summarizing dialogues."
    assert texts.chat_sentence == "Please summarize the following dialogue:"
    assert texts.instruction == "Please summarize the following dialogue concisely."


@pytest.mark.parametrize("language", ["ko", "en"])
def test_five_different_sentences_in_either_format(language):
    texts = PROMPT_TEXTS[language]
    assert len({texts.instruction, *texts.more_instructions}) == 5
    assert len({texts.chat_sentence, *texts.more_instructions}) == 5
    assert all(text == text.strip() and "\n" not in text for text in texts.more_instructions)


def test_no_instruction_asks_for_a_decision():
    """Where nothing is decided, a summary would have to make one up."""
    for texts in PROMPT_TEXTS.values():
        for text in (texts.instruction, texts.chat_sentence, *texts.more_instructions):
            assert not any(word in text for word in ("하기로", "결정", "decide", "agree", "plan"))


def test_each_language_keeps_its_letters():
    english, korean = PROMPT_TEXTS["en"], PROMPT_TEXTS["ko"]
    assert all(text.isascii() for text in (english.system, english.chat_sentence, *english.more_instructions))
    assert not any(c.isascii() and c.isalpha() for text in (korean.system, *korean.more_instructions) for c in text)


@pytest.mark.parametrize(
    ("settings", "before", "system"),
    [
        ((), "다음 대화를 요약해주세요:", "당신은 대화를 요약하는 전문가입니다."),
        (
            ("dataset.format_type=instruction",),
            "다음 대화를 간결하게 요약해주세요.",
            "당신은 대화를 요약하는 전문가입니다.",
        ),
        (
            ("dataset.language=en",),
            "Please summarize the following dialogue:",
            "You are an expert at summarizing dialogues.",
        ),
        (("dataset.instruction=' Be brief. '", "dataset.system=' I sum up. '"), "Be brief.", "I sum up."),
        (("dataset.system=''",), "다음 대화를 요약해주세요:", ""),
        (
            ("dataset.name_form=true",),
            "다음 대화를 한두 문장으로 요약해주세요. 말하는 사람은 대화에 적힌 이름 그대로 쓰고, 모든 문장을 -습니다로 "
            "끝내고, 제목이나 목록 없이 요약만 써주세요:",
            "당신은 대화를 요약하는 전문가입니다.",
        ),
        (
            ("dataset.name_form=true", "dataset.language=en", "dataset.format_type=instruction"),
            "Summarize the following dialogue in one or two full sentences, in the present tense. Call the speakers as "
            "the dialogue writes them. Write the summary only, without a heading or a list.",
            "You are an expert at summarizing dialogues.",
        ),
    ],
)
def test_what_a_config_puts_before_a_dialogue(settings, before, system):
    """One's own words come before the language's; an empty system message is none."""
    config = load_config("llama_3.2_3b", settings)
    assert (instruction_text(config), system_text(config)) == (before, system)


def test_a_sentence_of_ours_at_the_head_of_a_dialogue_is_known():
    assert instruction_before("다음 대화를 요약해주세요: \nA: 네.") == "다음 대화를 요약해주세요:"
    assert instruction_before("State briefly what the given dialogue is about.\nA: Hi.") is not None
    assert instruction_before("Summarize who decided to do what in the dialogue below.\nA: Hi.") is not None  # of old
    assert instruction_before("A: Please summarize the following dialogue:\nB: No.") is None


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_form_is_in_the_prompt_that_a_model_reads(language):
    config = load_config("llama_3.2_3b", [f"dataset.language={language}", "dataset.name_form=true"])
    assert prompt_arguments(config)["instruction"] == instruction_text(config)
    assert PROMPT_TEXTS[language].with_form in instruction_text(config)
    assert instruction_before(f"{instruction_text(config)}\nA: hi") == instruction_text(config)


def test_an_instruction_and_a_form_exclude_each_other():
    with pytest.raises(YoyakError, match="are each the sentence before the dialogue; leave one out"):
        load_config("llama_3.2_3b", ["dataset.name_form=true", "dataset.instruction=Be brief."])
