"""Numbers and dates in Korean and English text, each with the plain values that it stands for.

What is read, in digits and in words: numbers (`50,000`, `오만`, `3만 3천`, `twenty-five`, `5 million`), clock times
(`3시 반`, `3:30`, `half past three`), weekdays, English months, and Korean counts of days (`사흘`). What is not:
fractions, `half` and `절반`, relative days (`tomorrow`, `내일`), and years read in pairs (`nineteen ninety-nine`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, get_args

from .numerals import (
    ENGLISH,
    ENGLISH_SCALES,
    ENGLISH_TENS,
    ORDINALS,
    SCALES,
    english_values,
    korean_values,
    plain,
)
from .tokenizations import PLACEHOLDER

if TYPE_CHECKING:
    from kiwipiepy import Token

Kind = Literal["number", "date", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_KOREAN_WEEKDAYS = dict(zip("월화수목금토일", WEEKDAYS, strict=True))
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = {"이틀": "2", "사흘": "3", "나흘": "4", "닷새": "5", "엿새": "6", "이레": "7", "열흘": "10", "보름": "15"}
_KOREAN_MONTHS = {"유월": "6", "시월": "10"}
_DATE_UNITS = ("년", "월", "일", "시")
_UNITS = ("시간", "퍼센트", "%")  # Kiwi calls other counters bound nouns (NNB)

_NUMBER = r"\d+(?:,\d{3}|,\ 000)*(?:\.\d+)?"  # `20, 000` is how some tokenized corpora write it
_WORDS = "|".join([*ENGLISH, *ENGLISH_TENS, *ENGLISH_SCALES, *(word for word in ORDINALS if word != "second")])
_ENGLISH_NUMBER = re.compile(
    rf"""(?:\b(?P<part>half|quarter)\s+(?P<way>past|to)\s+)?
    (?:(?P<clock>\d{{1,2}}:\d{{2}}) | (?P<serial>\d+(?:[-/.]\d+){{2,}}|\d+[-/~–]\d+)
    | (?P<run>(?:{_NUMBER}|\b(?:{_WORDS})\b)(?:k\b)?(?:(?:\s+and)?[\s-]+(?:{_WORDS})\b)*)(?:st|nd|rd|th)?)
    (?P<oclock>\s*(?:o['’]clock|[ap]\.?m\b))?""",
    re.VERBOSE | re.IGNORECASE,
)
_DATE = re.compile(r"\d{1,2}/\d{1,2}|\d{2,4}([-./])\d{1,2}\1\d{1,4}")
_PIECE = re.compile(rf"{_NUMBER}|k\b|[a-z]+", re.IGNORECASE)
_DAY = re.compile(rf"\b({'|'.join(WEEKDAYS)}|{'|'.join(MONTHS)})s?\b|([{''.join(_KOREAN_WEEKDAYS)}])요일")


@dataclass(frozen=True)
class Fact:
    """Something that a summary says and its dialogue should hold.

    `values` has an entry for each part (hour and minute of a clock time); any one of the entry's values supports it,
    and the first one is what the text says.
    """

    kind: Kind
    text: str
    values: tuple[tuple[str, ...], ...]


def find_quantities(text: str, tokens: "Sequence[Token] | None" = None) -> list[Fact]:
    """Return the numbers and dates of a text. `tokens` are Kiwi's, needed where the text holds Hangul."""
    found = [Fact("date", match.group(), ((_day(match),),)) for match in _DAY.finditer(text)]
    numbers = _english_numbers(text) if tokens is None else _korean_numbers(text, tokens)
    return [*found, *numbers]


def _day(match: re.Match[str]) -> str:
    return match.group(1) or _KOREAN_WEEKDAYS[match.group(2)]


def _english_numbers(text: str) -> Iterator[Fact]:
    for match in _ENGLISH_NUMBER.finditer(PLACEHOLDER.sub(lambda place: " " * len(place.group()), text)):
        groups, said = match.groupdict(), match.group().strip()
        if groups["run"] is None:
            yield _serial(said)
            continue
        words = [piece.lower() for piece in _PIECE.findall(groups["run"]) if piece.lower() != "and"]
        values = english_values(words)
        if groups["part"]:
            yield Fact("date", said, _clock(*_around(values[0], groups["part"].lower(), groups["way"].lower())))
        elif groups["oclock"]:
            yield Fact("date", said, _clock(*values))
        else:
            yield Fact("number", said, tuple((value,) for value in values))


def _korean_numbers(text: str, tokens: "Sequence[Token]") -> Iterator[Fact]:
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token.tag == "W_SERIAL":
            yield _serial(token.form)
        elif day := _DAYS.get(token.form) or _KOREAN_MONTHS.get(token.form):
            yield Fact("number" if token.form in _DAYS else "date", token.form, ((day,),))
        elif _is_numeral(token):
            run = [token]
            while index < len(tokens) and _goes_on(run[-1], tokens[index]):
                run.append(tokens[index])
                index += 1
            yield from _counted(text, run, tokens[index : index + 2])


def _counted(text: str, run: "Sequence[Token]", after: "Sequence[Token]") -> Iterator[Fact]:
    """Yield the fact of a run of numerals with its counter, which is the first token `after` it, if any."""
    words = [piece for token in run for piece in (re.findall(_NUMBER, token.form) or [token.form])]
    values = korean_values(words)
    if not values:
        return
    counter = after[0] if after and (after[0].tag == "NNB" or after[0].form in _UNITS) else None
    if counter is None or counter.start > run[-1].end + 1:
        yield Fact("number", text[run[0].start : run[-1].end], tuple((value,) for value in values))
    elif counter.form == "시":
        half = len(after) > 1 and after[1].form == "반"
        said = text[run[0].start : after[half].end]
        yield Fact("date", said, _clock(values[-1], "30") if half else _clock(values[-1]))
    else:
        kind: Kind = "date" if counter.form in _DATE_UNITS else "number"
        yield Fact(kind, text[run[0].start : counter.end], tuple((value,) for value in values))


def _is_numeral(token: "Token") -> bool:
    """Return whether Kiwi found a number, or a numeral before its counter (`두`, `두세`, but not `이`, "this")."""
    return token.tag in ("SN", "NR") or (token.tag == "MM" and token.form != "이" and bool(korean_values([token.form])))


def _goes_on(before: "Token", token: "Token") -> bool:
    """Return whether a numeral belongs to the one before it: `3만` and `3천` may stand apart, `둘` and `셋` may not."""
    gap = token.start - before.end
    return _is_numeral(token) and (gap == 0 or (gap == 1 and before.form[-1] in SCALES))


def _serial(text: str) -> Fact:
    """Return the fact of digits held together by signs: `3:30`, `5/13`, `010-1234-5678`."""
    numbers = [run.lstrip("0") or "0" for run in re.findall(r"\d+", text)]
    if ":" in text:
        return Fact("date", text, _clock(*numbers))
    return Fact("date" if _DATE.fullmatch(text) else "number", text, tuple((number,) for number in numbers))


def _clock(hour: str, *minutes: str) -> tuple[tuple[str, ...], ...]:
    """Return the values of a clock time: the hour of the morning or of the afternoon, and the minutes unless 0."""
    other = [str((int(hour) + 12) % 24 or 24)] if hour.isdecimal() and int(hour) <= 24 else []
    return (hour, *other), *((minute,) for minute in minutes if minute != "0")


def _around(hour: str, part: str, way: str) -> tuple[str, str]:
    """Return hour and minutes of `half past three`, `quarter to four`."""
    minutes = 30 if part == "half" else 15
    return (hour, str(minutes)) if way == "past" else (plain(Decimal(hour) - 1), str(60 - minutes))
