"""What exports hold: messages with a speaker and a day, and how they become turns."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..prompt.turns import MOST_NAME_CHARS

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_EDITED = re.compile(r"\s*<This message was edited>$|\s*\(edited\)$")
_COLONS = re.compile("[:\uff1a\\s]+")


@dataclass
class SentMessage:
    """A message: who wrote it (None where it is not said), the lines of its text, and its date as written."""

    name: str | None
    lines: list[str] = field(default_factory=list)
    day: str | None = None

    @property
    def text(self) -> str:
        """The text on one line."""
        return _EDITED.sub("", " ".join(" ".join(self.lines).split()))


def without_marks(line: str) -> str:
    """Return a line without marks of writing direction, which WhatsApp puts before times, names and notices."""
    return line if line.isascii() else _MARKS.sub("", line)


class Labels:
    """Speakers' labels as turns have them: no colon in them, short, another for each name."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}
        self._taken: dict[str, int] = {}  # with the number that was last put behind it

    def label(self, name: str) -> str:
        """Return the label of a name: a number is `P1`, as in lists of turns."""
        if name not in self._labels:
            plain = _COLONS.sub(" ", name).strip()[:MOST_NAME_CHARS].strip() or "P"
            plain = f"P{plain}"[:MOST_NAME_CHARS] if plain.isdecimal() else plain
            one, short = plain, plain[: MOST_NAME_CHARS - 8].strip()
            while one in self._taken:
                self._taken[short] = self._taken.get(short, 1) + 1
                one = f"{short} {self._taken[short]}"
            self._labels[name] = one
            self._taken.setdefault(one, 1)
        return self._labels[name]


def speakers(messages: Iterable[SentMessage]) -> set[str]:
    """Return the names of those who wrote."""
    return {message.name for message in messages if message.name is not None}
