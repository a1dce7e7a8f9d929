"""Recognize a chat's export or a meeting's transcript, and read it as turns: the one form for files and requests."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .captions import caption_messages, is_captions
from .days import day_lines
from .formats import CLOVA, LINE_FORMATS, STAMPED, ChatFormat
from .messages import Labels, SentMessage, speakers, without_marks
from .tables import table_format, table_messages

_TITLES = {one.name: one.title for one in LINE_FORMATS} | {"captions": "captions"}
_STAMP = re.compile(r":\d\d")
_HEAD_CHARS = 300  # within which an export has its first time of day: others are done with in a microsecond
_FEWEST_STAMPS = 3  # of what looks like an export and begins with a turn
_MOST_LINES_BEFORE = 12  # the first message
_CAPTIONS = ChatFormat("captions", "captions", (), re.compile(r"(?!)"), joins_turns=True)
_TURN = re.compile(r"[^\s:\[][^:\n]{0,29}: ")
_TELLING = re.compile(r"WEBVTT|KakaoTalk Chats with|.{1,200}님과 카카오톡 대화\n")
_OMITTED = re.compile(r" omitted$")
_HANGUL = re.compile("[가-힣]")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Chat:
    """A text that is an export, looks like one, or was said to be one; its dialogue as prompts take it.

    Attributes:
        text: one turn a line, `name: words`, and a line for each day where the export has days.
        format: what it was read as; None where it is as it was given.
        looks_like_export: it is as it was given, though many of its lines begin as an export's do.
        messages: how many messages became turns.
        left_out: how many held no words (deleted ones, stickers) and were left out.
    """

    text: str
    format: str | None = None
    looks_like_export: bool = False
    messages: int = 0
    left_out: int = 0

    def sentence(self) -> str:
        """Return what was read, in words."""
        without = f"; {self.left_out:,} without words were left out" if self.left_out else ""
        return f"{self.messages:,} messages of {title_of(self.format or '')}{without}"


def title_of(dialogue_format: str) -> str:
    """Return how sentences call a format of `data.dialogue_format`."""
    return _TITLES.get(dialogue_format, dialogue_format)


def read_chat(text: str, dialogue_format: str = "auto") -> Chat | None:
    r"""Read a text as `data.dialogue_format` says; `auto` recognizes exports by their first lines.

    A format's name takes a single message for an export, `turns` nothing. Line ends are `\n` (`plain_text`). Returns
    None for a dialogue that is taken as it is, of which there is nothing to say.
    """
    is_named = dialogue_format not in ("auto", "turns")
    if dialogue_format == "turns" or not (is_named or _STAMP.search(text, 0, _HEAD_CHARS) or text[:6] == "======"):
        return None
    if not is_named and _TURN.match(text) and len(_STAMP.findall(text)) < _FEWEST_STAMPS:
        return None  # someone says a time
    lines = [without_marks(line) for line in text.split("\n")]
    found = _recognize(lines, None if dialogue_format == "auto" else dialogue_format)
    if found is not None:
        try:
            messages, left_out = _read(text, lines, found)
        except csv.Error:
            messages = []
        if speakers(messages) or (messages and found is _CAPTIONS):
            return Chat(_turns(messages, text), found.name, messages=len(messages), left_out=left_out)
    looks_like_export = _looks_like_export(lines)
    return Chat(text, looks_like_export=looks_like_export) if looks_like_export or is_named else None


def dialogue_text(text: str, dialogue_format: str = "auto") -> str:
    """Return a text as the dialogue of a prompt: an export's turns, any other as it is."""
    chat = read_chat(text, dialogue_format)
    return text if chat is None else chat.text


def _recognize(lines: Sequence[str], name: str | None) -> ChatFormat | None:
    """Return the format of a text by its first lines, or the one of that name where the text has a message in it."""
    if name in (None, "captions") and is_captions(lines):
        return _CAPTIONS
    table = table_format(lines[0])
    if table is not None and name in (None, table.name):
        return table
    for one in LINE_FORMATS:
        if name in (None, one.name) and _fits(lines, one, 1 if name else 2):
            return one
    return None


def _fits(lines: Sequence[str], one: ChatFormat, fewest: int) -> bool:
    """Return whether messages of a format begin near a text's start, at least `fewest` of them, or one and a header."""
    before = found = 0
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        if _start(lines, place, one):
            found += 1
            if found >= fewest:
                return True
        elif one.header.match(line):
            fewest = 1
        elif not found and not one.notice.match(line) and not one.day.match(line):
            before += 1
            if before > _MOST_LINES_BEFORE or _TURN.match(line):
                return False
    return False


def _start(lines: Sequence[str], place: int, one: ChatFormat) -> re.Match[str] | None:
    line = lines[place]
    started = next((found for start in one.starts if (found := start.match(line))), None)
    if started and one is CLOVA and started.re is one.starts[1]:  # any name and a time: a heading of its own
        stands_alone = place == 0 or not lines[place - 1].strip()
        return started if stands_alone and place + 1 < len(lines) and lines[place + 1].strip() else None
    return started


def _read(text: str, lines: Sequence[str], one: ChatFormat) -> tuple[list[SentMessage], int]:
    """Return the messages with words, and how many had none."""
    if one is _CAPTIONS:
        found = list(caption_messages(lines))
    elif table_format(lines[0]) is one:
        found = list(table_messages(text))
    else:
        found = _line_messages(lines, one)
    kept: list[SentMessage] = []
    for message in found:
        said = message.text
        if not said or one.left_out.match(said):
            continue
        message.lines = [f"({_OMITTED.sub('', said.strip('<>'))})"] if one.media.match(said) else [said]
        if one.joins_turns and kept and message.name in (None, kept[-1].name):
            kept[-1].lines.append(said)
        else:
            kept.append(message)
    return kept, len(found) - len(kept) if not one.joins_turns else 0


def _line_messages(lines: Sequence[str], one: ChatFormat) -> list[SentMessage]:
    messages: list[SentMessage] = []
    day, is_open, is_header = None, True, True
    has_rules = any(_is_ruled(line, one) for line in lines)
    for place, line in enumerate(lines):
        if started := _start(lines, place, one):
            parts = started.groupdict()
            day = parts.get("day") or day
            messages.append(SentMessage(parts["name"].strip(), [parts.get("text") or ""], day))
            is_open, is_header = True, False
        elif dated := _day_line(lines, place, one, has_rules) if messages else one.day.match(line):
            day, is_open = dated["day"] or day, is_open and not messages
        elif one.notice.match(line) or (is_header and one.header.match(line)):
            is_open = is_open and not messages
        elif one.tail.match(line):
            is_open = False
            if messages and not messages[-1].text:
                messages[-1].lines.append("(file)" if "ttach" in line else "")
        elif is_open and line.strip() and (messages or one is not CLOVA):
            if not messages:  # the rest of a message that was cut, without its name
                messages.append(SentMessage(None))
            messages[-1].lines.append(line)
    return messages


def _is_ruled(line: str, one: ChatFormat) -> bool:
    """Return whether a line is a day's between rules, as KakaoTalk for PCs writes it."""
    return line.startswith("---") and (dated := one.day.match(line)) is not None and dated["day"] is not None


def _day_line(lines: Sequence[str], place: int, one: ChatFormat, has_rules: bool) -> re.Match[str] | None:
    """Return the match of a line behind a message that is a day's; dates and rules are lines of messages too.

    `has_rules` tells of an export whose days stand between rules. In others a message, a notice or another day comes
    next, and not a message of another date.
    """
    dated = one.day.match(lines[place])
    if dated is None or _is_ruled(lines[place], one):
        return dated
    after = next((other for other in range(place + 1, len(lines)) if lines[other].strip()), None)
    if after is None or (has_rules and dated["day"]):
        return None
    if started := _start(lines, after, one):
        its_day = started.groupdict().get("day")
        is_other = its_day and dated["day"] and _NUMBERS.findall(its_day) != _NUMBERS.findall(dated["day"])
        return None if is_other else dated
    return dated if one.day.match(lines[after]) or one.notice.match(lines[after]) else None


def _turns(messages: Sequence[SentMessage], text: str) -> str:
    is_korean = _HANGUL.search(text) is not None
    days = day_lines((message.day for message in messages if message.day), is_korean)
    labels, day, turns = Labels(), None, []
    for message in messages:
        its_day = days.get(message.day or "")
        if its_day is not None and its_day != day:
            turns.append(its_day)
            day = its_day
        turns.append(message.text if message.name is None else f"{labels.label(message.name)}: {message.text}")
    return "\n".join(turns)


def _looks_like_export(lines: Sequence[str]) -> bool:
    """Return whether three lines begin a message of one format, or a third of all, and three at least, has a time."""
    if _TELLING.match("\n".join(lines[:3])):
        return True
    timed = [place for place, line in enumerate(lines) if _STAMP.search(line)]
    if len(timed) < _FEWEST_STAMPS:
        return False
    if any(sum(_start(lines, place, one) is not None for place in timed) >= _FEWEST_STAMPS for one in LINE_FORMATS):
        return True
    stamped = sum(STAMPED.match(lines[place]) is not None for place in timed)
    return stamped >= _FEWEST_STAMPS and 3 * stamped >= sum(bool(line.strip()) for line in lines)
