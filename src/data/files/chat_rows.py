"""What is said of a file whose dialogues are exports of chats or meetings."""

from collections import Counter
from dataclasses import dataclass, field

from ...bilingual import count
from ...errors import YoyakError
from ..chats.exports import Chat, title_of
from ..prompt.turns import LABEL

TURNS_SHOWN = 3


@dataclass
class ChatRows:
    """The dialogues of a file that were read as exports, and those that look like one.

    Attributes:
        formats: how many were read as which format.
        turns: the first turns of the first one.
        unread: the lines of those that look like an export and are none that is known.
        others: how many hold no message of the format that `data.dialogue_format` names.
    """

    formats: Counter[str] = field(default_factory=Counter)
    turns: list[str] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    others: int = 0

    def add(self, chat: Chat, line: int) -> None:
        """Count a dialogue that starts in `line`."""
        if chat.format is not None:
            self.formats[chat.format] += 1
            self.turns = self.turns or first_turns(chat.text)
        elif chat.looks_like_export:
            self.unread.append(line)
        else:
            self.others += 1

    def refuse_other_format(self, name: str, dialogue_format: str) -> None:
        """Raise YoyakError where `data.dialogue_format` names a format and no dialogue of `name` is in it."""
        if dialogue_format not in ("auto", "turns") and not self.formats:
            said = f"no message of {title_of(dialogue_format)} in it; leave out data.dialogue_format={dialogue_format}"
            raise YoyakError(f"{name}: {said}" if name else said)

    def notes(self, unit: str, dialogue_format: str) -> list[str]:
        """Return what is to be said, a sentence each; `unit` is what lines of the file are."""
        notes = []
        if self.formats:
            shown = self.turns[0] if len(self.turns[0]) <= 60 else f"{self.turns[0][:60]}..."
            notes.append(f"exports are read as turns, such as {shown!r}: {formats_said(self.formats)}")
        if self.unread:
            others = len(self.unread) - 1
            where = f"{unit} {self.unread[0]}" + (f" and {others:,} more" if others else "")
            notes.append(
                f"what looks like an export is not read and stays as it is ({where}); {unread_advice(dialogue_format)}"
            )
        if self.others and self.formats:
            others_hold = count(self.others, "dialogue holds", "dialogues hold")
            notes.append(f"{others_hold} no message of {title_of(dialogue_format)}: left unchanged")
        return notes


def formats_said(formats: Counter[str]) -> str:
    """Return formats with their counts in words, the most frequent first."""
    return ", ".join(f"{title_of(name)} ({count:,})" for name, count in formats.most_common())


def unread_advice(dialogue_format: str) -> str:
    """Return what to do about a text that looks like an export."""
    if dialogue_format == "auto":
        return "name the format with data.dialogue_format, or write turns ('name: words')"
    return "write turns ('name: words')"


def first_turns(dialogue: str) -> list[str]:
    """Return the first lines with speakers, of captions without speakers the first lines."""
    lines = dialogue.split("\n")
    return ([line for line in lines if LABEL.match(line)] or lines)[:TURNS_SHOWN]
