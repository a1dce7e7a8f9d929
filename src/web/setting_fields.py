"""The settings as a form shows them: a label and help in both languages for the few that matter, all others by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from ..bilingual import Text
from ..config.help_texts import help_texts
from ..config.loader import flatten
from ..config.provenance import SECTIONS, SETTINGS
from ..config.schema import Config
from .korean_help import KOREAN_HELP

Words = Mapping[str, tuple[Text, Text]]
MAIN = {
    "training.epochs": (
        Text("Epochs", "에폭"),
        Text("Passes over the training data.", "학습 데이터를 몇 번 볼지 정합니다."),
    ),
    "training.learning_rate": (
        Text("Learning rate", "학습률"),
        Text("LoRA learns best near 1e-3 on small models and 2e-4 on large ones.",
             "LoRA는 작은 모델에서 1e-3, 큰 모델에서 2e-4 근처가 가장 좋습니다."),
    ),
    "training.batch_size": (
        Text("Batch size", "배치 크기"),
        Text("Examples of a step, times the accumulation below.", "한 스텝의 예시 수입니다(누적 횟수를 곱함)."),
    ),
    "training.gradient_accumulation_steps": (
        Text("Accumulation", "누적 횟수"),
        Text("So many batches make a step.", "배치를 이만큼 모아 한 스텝으로 합니다."),
    ),
    "lora.r": (
        Text("LoRA rank", "LoRA 랭크"),
        Text("Size of the adapter.", "어댑터의 크기입니다."),
    ),
    "tokenizer.encoder_max_len": (
        Text("Longest prompt, tokens", "프롬프트 최대 길이(토큰)"),
        Text("Longer dialogues lose whole turns from their middle.", "더 긴 대화는 가운데 발화를 통째로 뺍니다."),
    ),
    "tokenizer.decoder_max_len": (
        Text("Longest summary, tokens", "요약 최대 길이(토큰)"),
        Text("Most tokens that are generated.", "요약을 만들 때 이 길이에서 멈춥니다."),
    ),
    "training.max_steps": (
        Text("Most steps", "최대 스텝"),
        Text("Stop after so many, whatever the epochs say; empty for no limit.",
             "에폭과 상관없이 이 스텝에서 멈춥니다. 비워 두면 제한이 없습니다."),
    ),
    "evaluation.generate": (
        Text("Score before and after", "학습 전후 채점"),
        Text("Summarize the evaluation dialogues before and after training, and score them.",
             "학습 전과 후에 평가 대화를 요약해 점수를 냅니다."),
    ),
}  # fmt: skip
"""The few settings that matter, with label and help."""
METHODS_OF_TRAINING = {
    "qlora": (Text("QLoRA, base model in 4 bit", "QLoRA, 기본 모델은 4비트"), "true", "true"),
    "lora": (Text("LoRA", "LoRA"), "true", "false"),
    "full": (Text("all weights", "모든 가중치"), "false", "false"),
}
"""A method's words, and its `lora.use_lora` and `lora.use_qlora`."""
PLACED = {
    *MAIN, "experiment.name", "data.train", "data.eval", "model.checkpoint", "lora.use_lora", "lora.use_qlora",
}  # fmt: skip
"""Settings that have their place in the form above the search."""
_OF_OTHER_COMMANDS = ("refine", "search")
"""Sections that `yoyak train` doesn't read."""
NEVER = {
    "model.trust_remote_code": "only the command line turns it on",
    "experiment.output_dir": "the studio's folder of runs is given at its start, by --runs",
}
"""Settings that no form changes, and why."""


@dataclass(frozen=True)
class SettingField:
    """A setting in a form: `choices` where only some values are allowed; `value` is the experiment's."""

    name: str
    label: str
    help: str
    choices: list[str]
    is_number: bool
    value: str


def typed_value(value: Any) -> str:
    """Return a setting's value as one types it behind `=`; empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else repr(value)
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list) else str(value)


def fields_of_config(config: Config) -> dict[str, SettingField]:
    """Return all settings that a form may change, with the values of a config."""
    values = flatten(config)
    return {
        name: _field(name, values[name], MAIN)
        for name in SETTINGS
        if name not in NEVER and name.partition(".")[0] not in _OF_OTHER_COMMANDS
    }


def fields_of_section(config: Config, section: str, words: Words) -> dict[str, SettingField]:
    """Return the settings of a section with a config's values; `words` are their labels and help."""
    values = flatten(config)
    return {name: _field(name, values[name], words) for name in SETTINGS if name.partition(".")[0] == section}


def _field(name: str, value: Any, words: Words) -> SettingField:
    english = _helps()[name]
    label, text = words.get(name, (name, Text(english, KOREAN_HELP.get(name, english))))
    annotation = SETTINGS[name].annotation
    return SettingField(name, label, text, _choices(annotation), _is_number(annotation), typed_value(value))


@cache
def _helps() -> dict[str, str]:
    return {
        f"{section}.{key}": " ".join(text.split())
        for section in SECTIONS
        for key, text in help_texts(Config.model_fields[section].annotation).items()  # type: ignore[arg-type]
    }


def _members(annotation: Any) -> list[Any]:
    parts = get_args(annotation)
    if get_origin(annotation) in (None, Literal, list):
        return [annotation]
    if hasattr(annotation, "__metadata__"):
        return _members(parts[0])
    return [member for part in parts for member in _members(part)]


def _choices(annotation: Any) -> list[str]:
    """Return the values that a setting is limited to, null as an empty one; none where it is free."""
    found: list[str] = []
    for member in _members(annotation):
        if get_origin(member) is Literal:
            found += map(str, get_args(member))
        elif member is bool:
            found += ["true", "false"]
        elif member is type(None):
            found.append("")
        else:
            return []
    return found


def _is_number(annotation: Any) -> bool:
    return all(member in (int, float, type(None)) for member in _members(annotation))
