"""Exports that are tables of messages: KakaoTalk for macOS, and Discord's by DiscordChatExporter."""

import csv
import re
from collections.abc import Iterator

from .days import DATE
from .formats import DISCORD, KAKAOTALK, ChatFormat
from .messages import SentMessage

_DATE = re.compile(DATE)
_COLUMNS = {("Date", "User", "Message"): KAKAOTALK, ("AuthorID", "Author", "Date", "Content"): DISCORD}


def table_format(first_line: str) -> ChatFormat | None:
    """Return the format of a table of messages by its header, None where it is none."""
    names = tuple(name.strip().strip('"') for name in first_line.removeprefix("\ufeff").split(","))
    return next((found for columns, found in _COLUMNS.items() if names[: len(columns)] == columns), None)


def table_messages(text: str) -> Iterator[SentMessage]:
    """Yield the messages of such a table; rows without a message, or blank ones, are left out.

    Raises:
        csv.Error: its quotes don't fit, or a row has no date where the others have it.
    """
    rows = csv.reader(text.splitlines(keepends=True), strict=True)
    columns = {name.strip(): place for place, name in enumerate(next(rows))}
    name, said = ("User", "Message") if "User" in columns else ("Author", "Content")
    for row in rows:
        if len(row) > columns[said] and any(map(str.strip, row)):
            day = row[columns["Date"]].strip().replace("T", " ").split(" ")[0]
            if not _DATE.match(day):
                raise csv.Error(f"no date: {day[:20]!r}")
            yield SentMessage(row[columns[name]], row[columns[said]].split("\n"), day)
