"""Turns and their speakers: a turn is a line that is not blank, its speaker the short name before its first colon."""

import re

LABEL = re.compile(r"^[^\S\n]*(?!\d+\s*[:\uff1a])(?P<name>[^:\uff1a\n]{1,30}?)\s*[:\uff1a](?!//)[^\S\n]*", re.MULTILINE)
"""A speaker's label at the start of a line; not the hour of a time of day, and not the scheme of a web address."""


def turns_of(dialogue: str) -> list[tuple[str | None, str]]:
    """Return speaker (None where a line names none) and text of each line that is not blank."""
    turns = []
    for line in dialogue.split("\n"):
        if line.strip():
            label = LABEL.match(line)
            turns.append((label["name"], line[label.end() :]) if label else (None, line))
    return turns
