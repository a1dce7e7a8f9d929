"""What is to be said of dialogues and summaries that can be read, and are probably not what is meant."""

from collections.abc import Sequence

from ...bilingual import count
from ..prompt.turns import LABEL

_FEWEST_OPENINGS = 3  # dialogues of which each begins with the same line: two may by chance
_FEWEST_ALIKE = 10  # dialogues of which each has the same summary
_LONGEST_SHOWN = 60
_MISSING = frozenset(["nan", "none", "null", "<na>", "n/a", "#n/a"])
_WRITTEN_END = "\\n"
"""Two characters that stand for a line end, as some exports of tables write it."""


def is_missing_word(text: str) -> bool:
    """Return whether a text is a word that programs write in a table where there is no value."""
    return len(text) <= 5 and text.lower() in _MISSING  # the longest; dialogues are long


def content_notes(dialogues: Sequence[str], summaries: Sequence[str], exported: bool) -> list[str]:
    """Return sentences on the dialogues and summaries of a file's rows; `exported` ones are of messengers or meetings.

    Summaries that are not there are empty.
    """
    different = set(dialogues)
    notes = [
        None if exported else _opening_note(different),
        _written_ends(dialogues),
        _one_summary(different, summaries),
        _missing_words([*dialogues, *summaries]),
    ]
    return [note for note in notes if note]


def _opening_note(dialogues: set[str]) -> str | None:
    """Return what to say where all begin with one and the same line that nobody says: an instruction."""
    openings = {dialogue.partition("\n")[0].strip() for dialogue in dialogues}
    if len(openings) != 1 or len(dialogues) < _FEWEST_OPENINGS:
        return None
    opening = openings.pop()
    label = LABEL.match(opening)
    if label and opening[label.end() :]:
        return None
    return (
        f"all dialogues begin with {_shown(opening)}, which stays a part of them; if that is an instruction, leave it "
        "out: prompts have one of their own (dataset.instruction)"
    )


def _written_ends(dialogues: Sequence[str]) -> str | None:
    r"""Return what to say of dialogues on one line whose turns stand between `\n`, written as two characters."""
    written = sum(
        _WRITTEN_END in dialogue
        and "\n" not in dialogue
        and sum(LABEL.match(part.strip()) is not None for part in dialogue.split(_WRITTEN_END)) > 1
        for dialogue in dialogues
    )
    if not written:
        return None
    return (
        f"{count(written, 'dialogue')} with {_WRITTEN_END} as two characters in place of line ends, read as one turn "
        "each: write real line ends, one turn a line"
    )


def _missing_words(texts: Sequence[str]) -> str | None:
    """Return what to say of words that stand for missing dialogues and summaries, which are read as texts."""
    words = list(filter(is_missing_word, texts))
    if not words:
        return None
    texts_read = count(len(words), "dialogue or summary", "dialogues or summaries")
    return f"{texts_read} with the word {words[0]!r} or the like, as programs write a missing one; leave the cell empty"


def _one_summary(dialogues: set[str], summaries: Sequence[str]) -> str | None:
    """Return what to say where dialogues that differ all have one summary: another column is meant."""
    if len(dialogues) < _FEWEST_ALIKE or len(set(summaries)) != 1 or not summaries[0]:
        return None
    return f"all summaries are {_shown(summaries[0])}; name the column that is meant with data.summary_column"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")
