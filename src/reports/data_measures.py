"""The measures of `yoyak data stats` as people read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Measure(NamedTuple):
    """What a measure is called, the unit on its axis, how many decimals it takes, and what it means."""

    label: str
    unit: str
    decimals: int
    meaning: str


MEASURES = {
    "dialogue_tokens": Measure("dialogue, tokens", "tokens", 0, "Tokens of the dialogue alone, without the prompt."),
    "summary_tokens": Measure("summary, tokens", "tokens", 0, "Tokens of the summary."),
    "dialogue_chars": Measure("dialogue, characters", "characters", 0, "Characters of the dialogue."),
    "summary_chars": Measure("summary, characters", "characters", 0, "Characters of the summary."),
    "turns": Measure("turns", "turns", 0, "Lines of the dialogue that are not blank."),
    "speakers": Measure("speakers", "speakers", 0, "Different names before a line's first colon."),
    "compression": Measure("compression", "words a word", 1, "Words of the dialogue for each word of the summary."),
    "coverage": Measure(
        "coverage", "of the words", 2, "Share of the summary's words that are copied from the dialogue."
    ),
    "density": Measure(
        "density", "words", 2, "Length of the copied piece that a word of the summary lies in: 1 is single words."
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
