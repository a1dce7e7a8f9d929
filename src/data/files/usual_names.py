"""Names that columns of dialogues and summaries usually have, in English and in Korean corpora."""

from collections.abc import Iterable, Sequence

Names = tuple[tuple[str, ...], ...]
"""Clear names, then those that other columns have as well, which count where no clear one is there."""

USUAL_DIALOGUE_COLUMNS: Names = (
    ("dialogue", "dialog", "conversation", "대화", "대화문", "대화내용", "대화 내용"),
    ("text", "본문", "원문", "content", "input", "prompt"),
)
USUAL_SUMMARY_COLUMNS: Names = (
    ("summary", "요약", "요약문", "요약내용", "요약 내용"),
    ("target", "highlights", "label", "output", "completion", "response", "정답"),
)
DIALOGUE_NAMES = frozenset([*USUAL_DIALOGUE_COLUMNS[0], "turns", "messages", "본문"])
"""Of a list of texts, or a text inside an object, that is a row's dialogue."""
TURN_NAMES = frozenset(["utterance", "utterances", "발화"])
"""Of a list of texts that is a row's dialogue; a text of such a name is one turn."""
SUMMARY_NAMES: Names = (USUAL_SUMMARY_COLUMNS[0], ("target", "highlights", "label", "output"))
"""Of a text that is a row's summary where the dialogue is clear; a row of questions has its answer in `정답` too."""


def usual_in(columns: Iterable[str], names: Names) -> list[str]:
    """Return the columns with clear names, else those with other usual ones; of several none is the one that is meant.

    A column inside objects (`body.summary`) has the name behind the last dot; capitals don't count.
    """
    by_name: dict[str, list[str]] = {}
    for column in dict.fromkeys(columns):
        by_name.setdefault(column.rpartition(".")[2].lower(), []).append(column)
    found: Sequence[list[str]] = [[column for name in tier for column in by_name.get(name, ())] for tier in names]
    return next(filter(None, found), [])
