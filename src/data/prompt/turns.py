"""Who speaks: the one rule. A turn is a line that is not blank, its speaker the short name before its first colon."""

import re

MOST_NAME_CHARS = 30
"""Of a speaker's name: what is longer before a colon is a sentence."""

_HOUR = r"(?!\d+\s*[:\uff1a])(?![^:\uff1a\n]*\b\d{1,2}[:\uff1a]\d\d)"
LABEL = re.compile(
    rf"^[^\S\n]*+{_HOUR}(?P<name>[^:\uff1a\n]{{1,{MOST_NAME_CHARS}}}?)[^\S\n]*[:\uff1a](?!//)[^\S\n]*", re.MULTILINE
)
"""A speaker's label at the start of a line; not the hour of a time of day, and not the scheme of a web address."""


def turns_of(dialogue: str) -> list[tuple[str | None, str]]:
    """Return speaker (None where a line names none) and text of each line that is not blank."""
    turns = []
    for line in dialogue.split("\n"):
        if line.strip():
            label = LABEL.match(line)
            turns.append((label["name"], line[label.end() :]) if label else (None, line))
    return turns


def speakers_of(dialogue: str) -> list[str]:
    """Return the speaker of each turn that names one."""
    return [label["name"] for label in LABEL.finditer(dialogue)]
