"""The fixed texts of prompts: system message, user's sentence and instructions of each language."""

from dataclasses import dataclass
from typing import Any

from ...config.schema import Config, DatasetSettings
from ...errors import YoyakError
from .plain_text import plain_text


@dataclass(frozen=True)
class PromptTexts:
    """The texts that one language puts around a dialogue.

    `more_instructions` are the augmentation's four besides the format's default; `with_form` names the form that a
    summary is to have, without the mark at its end.
    """

    system: str
    chat_sentence: str
    instruction: str
    with_form: str
    more_instructions: tuple[str, str, str, str]


PROMPT_TEXTS = {
    "ko": PromptTexts(
        system="당신은 대화를 요약하는 전문가입니다.",
        chat_sentence="다음 대화를 요약해주세요:",
        instruction="다음 대화를 간결하게 요약해주세요.",
        with_form=(
            "다음 대화를 한두 문장으로 요약해주세요. 말하는 사람은 대화에 적힌 이름 그대로 쓰고, 모든 문장을 -습니다로 "
            "끝내고, 제목이나 목록 없이 요약만 써주세요"
        ),
        more_instructions=(
            "아래 대화의 핵심 내용을 정리해주세요.",
            "다음 대화를 읽고 중요한 내용을 한두 문장으로 요약하세요.",
            "아래 대화에서 누가 무슨 이야기를 했고 어떻게 되었는지 요약해주세요.",
            "주어진 대화의 요점을 짧게 써주세요.",
        ),
    ),
    "en": PromptTexts(
        system="You are an expert at summarizing dialogues.",
        chat_sentence="Please summarize the following dialogue:",
        instruction="Please summarize the following dialogue concisely.",
        with_form=(
            "Summarize the following dialogue in one or two full sentences, in the present tense. Call the speakers as "
            "the dialogue writes them. Write the summary only, without a heading or a list"
        ),
        more_instructions=(
            "Write down the key points of the dialogue below.",
            "Read the following dialogue and sum up what matters in one or two sentences.",
            "Summarize who talks about what in the dialogue below, and how it ends.",
            "State briefly what the given dialogue is about.",
        ),
    ),
}

_FORMER = (
    "아래 대화에서 누가 무엇을 하기로 했는지 요약해주세요.",
    "Summarize who decided to do what in the dialogue below.",
)
"""Instructions that files of earlier versions hold; in many dialogues nothing is decided."""


def own_texts(language: str, format_type: str, system: str | None, instruction: str | None) -> tuple[str, str]:
    """Return the system message of the chat format, empty where there is none, and the sentence before a dialogue.

    Those given, else the language's; the sentence is the user's (chat) or the instruction (instruction format).
    """
    texts = PROMPT_TEXTS[language]
    default = texts.chat_sentence if format_type == "chat" else texts.instruction
    return plain_text(texts.system if system is None else system), plain_text(instruction or default)


def instruction_text(config: Config) -> str:
    """Return the configured sentence (chat) or instruction (instruction format) before a dialogue."""
    return _texts(config)[1]


def system_text(config: Config) -> str:
    """Return the configured system message of the chat format; empty where there is none."""
    return _texts(config)[0]


def _texts(config: Config) -> tuple[str, str]:
    chosen = config.dataset
    return own_texts(chosen.language, chosen.format_type, chosen.system, _instruction(chosen))


def _instruction(chosen: DatasetSettings) -> str | None:
    """Return the sentence before a dialogue that settings choose; None for the format's default."""
    if not chosen.name_form:
        return chosen.instruction
    return _with_form(chosen.language, chosen.format_type)


def _with_form(language: str, format_type: str) -> str:
    return PROMPT_TEXTS[language].with_form + (":" if format_type == "chat" else ".")


def instruction_before(dialogue: str) -> str | None:
    """Return the sentence of ours that a dialogue begins with as a line of its own, None where it has none.

    `yoyak data augment --instructions` writes such rows, for trainers that add no sentence themselves.
    """
    first = dialogue.partition("\n")[0].strip()
    sentences = {
        sentence
        for texts in PROMPT_TEXTS.values()
        for sentence in (texts.chat_sentence, texts.instruction, *texts.more_instructions)
    } | {_with_form(language, form) for language in PROMPT_TEXTS for form in ("chat", "instruction")}
    return first if first in sentences or first in _FORMER else None


def refuse_instructions(source: str, dialogue: str) -> None:
    """Raise YoyakError where a file's first dialogue holds an instruction already: the prompt would have two."""
    found = instruction_before(dialogue)
    if found:
        raise YoyakError(
            f"{source}: its dialogues begin with an instruction ({found!r}), as rows of yoyak data augment "
            "--instructions do, which are for other trainers; name the file that they were made from, and set "
            "data.instruction_augmentation=true for the training dialogues"
        )


def augmented_instructions(language: str, instruction: str | None) -> tuple[str | None, ...]:
    """Return the five sentences under which the augmentation shows a dialogue; None is the format's default.

    The first is the one that evaluation and generation use, the others are the language's.
    """
    texts = PROMPT_TEXTS[language]
    # One's own may be one of the four: the default then takes its place.
    others = [text for text in (*texts.more_instructions, texts.instruction) if text != instruction]
    return (instruction, *others[:4])


def refuse_no_room(encoder_max_len: int, own_tokens: int) -> None:
    """Raise YoyakError where so many tokens of a prompt's own text leave no room for a dialogue."""
    if own_tokens >= encoder_max_len:
        raise YoyakError(
            f"tokenizer.encoder_max_len = {encoder_max_len}: the prompt's own text takes {own_tokens} tokens, "
            f"which leaves none for a dialogue; use {own_tokens + 128} or more"
        )


def prompt_arguments(config: Config) -> dict[str, Any]:
    """Return what decides the prompt, as `create_llm_dataset` and `create_prompt_template` take it."""
    return {
        "encoder_max_len": config.tokenizer.encoder_max_len,
        "decoder_max_len": config.tokenizer.decoder_max_len,
        "format_type": config.dataset.format_type,
        "chat_template": config.model.chat_template,
        "language": config.dataset.language,
        "system": config.dataset.system,
        "instruction": _instruction(config.dataset),
    }
