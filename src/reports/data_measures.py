"""The measures of `yoyak data stats` as people read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..bilingual import Text


class Measure(NamedTuple):
    """What a measure is called, the unit on its axis, how many decimals it takes, and what it means."""

    label: Text
    unit: Text
    decimals: int
    meaning: Text


TOKENS, CHARACTERS = Text("tokens", "토큰"), Text("characters", "글자")
MEASURES = {
    "dialogue_tokens": Measure(
        Text("dialogue, tokens", "대화, 토큰 수"),
        TOKENS,
        0,
        Text("Tokens of the dialogue alone, without the prompt.", "프롬프트를 뺀 대화만의 토큰 수입니다."),
    ),
    "summary_tokens": Measure(
        Text("summary, tokens", "요약, 토큰 수"), TOKENS, 0, Text("Tokens of the summary.", "요약의 토큰 수입니다.")
    ),
    "dialogue_chars": Measure(
        Text("dialogue, characters", "대화, 글자 수"),
        CHARACTERS,
        0,
        Text("Characters of the dialogue.", "대화의 글자 수입니다."),
    ),
    "summary_chars": Measure(
        Text("summary, characters", "요약, 글자 수"),
        CHARACTERS,
        0,
        Text("Characters of the summary.", "요약의 글자 수입니다."),
    ),
    "turns": Measure(
        Text("turns", "발화 수"),
        Text("turns", "발화"),
        0,
        Text("Lines of the dialogue that are not blank.", "대화에서 비어 있지 않은 줄의 수입니다."),
    ),
    "speakers": Measure(
        Text("speakers", "화자 수"),
        Text("speakers", "명"),
        0,
        Text("Different names before a line's first colon.", "줄의 첫 쌍점 앞에 나오는 서로 다른 이름의 수입니다."),
    ),
    "compression": Measure(
        Text("compression", "압축률"),
        Text("words a word", "배"),
        1,
        Text("Words of the dialogue for each word of the summary.", "대화의 단어 수를 요약의 단어 수로 나눈 값입니다."),
    ),
    "coverage": Measure(
        Text("coverage", "복사 비율"),
        Text("of the words", "(단어 중 비율)"),
        2,
        Text(
            "Share of the summary's words that are copied from the dialogue.",
            "요약의 단어 중 대화에서 그대로 가져온 것의 비율입니다.",
        ),
    ),
    "density": Measure(
        Text("density", "복사 길이"),
        Text("words", "단어"),
        2,
        Text(
            "Length of the copied piece that a word of the summary lies in: 1 is single words.",
            "요약의 단어가 속한, 대화에서 그대로 가져온 부분의 평균 길이입니다. 1이면 낱말 하나씩입니다.",
        ),
    ),
}
"""By name, in the order in which they are shown."""


def written(value: float, decimals: int) -> str:
    """Return a value with this many decimals and grouped thousands."""
    return f"{value:,.{decimals}f}"


def short_names(sources: Sequence[str]) -> list[str]:
    """Return the names of files without their folders, where that tells them apart."""
    names = [Path(source).name for source in sources]
    return names if len(set(names)) == len(names) else list(sources)
