"""Numbers and dates in English text: `half past three`, `$5 million`, `May 3rd`, `two and a half hours`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from .numerals import ENGLISH, ENGLISH_SCALES, ENGLISH_TENS, MOST_DIGITS, ORDINALS, english_values
from .units import (
    ENGLISH_UNITS,
    MONTHS,
    WEEKDAYS,
    Fact,
    clock,
    digits,
    measured,
    month_day,
    relative,
    serial_date,
    span,
    week_day,
)

_NUMBER = r"\d+(?:,\d{3}|,\ 000)*(?:\.\d+)?"  # `20, 000` is how some tokenized corpora write it
_NUMERALS = [*ENGLISH, *ENGLISH_TENS, *ENGLISH_SCALES, *(word for word in ORDINALS if word != "second")]
_WORDS = "|".join(_NUMERALS)
_FIRST_LETTERS = "".join(sorted({word[0] for word in (*_NUMERALS, "half", "quarter")}))  # others are passed at once
_RUN = rf"(?:{_NUMBER}|\b(?:{_WORDS})\b)(?:k\b)?(?:(?:\s+and)?[\s-]+(?:{_WORDS})\b)*"
_QUANTITY = re.compile(
    rf"""(?=[\d$€£¥₩]|\b[{_FIRST_LETTERS}])(?:\b(?P<part>half|quarter)\s+(?P<way>past|to)\s+)?
    (?:(?P<clock>\d{{1,2}}:\d{{2}}) | (?P<serial>\d+(?:[-/.]\d+){{2,}}|\d+[-/~–]\d+)
    | (?P<sign>[$€£¥₩]\s?)?(?P<run>{_RUN})(?P<ordinal>st|nd|rd|th)?)
    (?P<oclock>\s*(?:o['’]clock|(?P<ampm>[ap])\.?\ ?m\b\.?))?
    (?P<period>\s+(?:in\ the\ (?:morning|afternoon|evening)|at\ night))?""",
    re.VERBOSE | re.IGNORECASE,
)
_PIECE = re.compile(rf"{_NUMBER}|k\b|[a-z]+", re.IGNORECASE)
_UNIT = re.compile(r"\s*(%)|[\s-]+(per\s?cent|[a-z]+)\b", re.IGNORECASE)
_AND_A_HALF = re.compile(r"\s+and\s+a\s+half\b", re.IGNORECASE)
_LATER = re.compile(r"\s+(?:later|from\s+now)\b", re.IGNORECASE)
_EARLIER = re.compile(r"\s+(?:ago|earlier)\b", re.IGNORECASE)
_AT = re.compile(r"\bat\s+$", re.IGNORECASE)
_IN = re.compile(r"\bin\s+$", re.IGNORECASE)
_FUNCTION_WORDS = """
a about after again ago all am and are as at be because before but by can do does down each else for from had has he her
his how i if in into is it its later left more much no not of off on only or other our out over she should so than that
the their them then there these they this those to too under until up was we were what when where which who will with
would you your sharp today tomorrow tonight yesterday
"""
_NO_NOUNS = frozenset(("", *_FUNCTION_WORDS.split(), *(day.lower() for day in WEEKDAYS)))

_MONTH = "|".join(MONTHS)
_MONTH_NAME = rf"(?P<month>{_MONTH}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
_ORDINAL = rf"(?:(?:twenty|thirty)[\s-])?(?:{'|'.join(ORDINALS)})\b"
_DAY_OF_MONTH = rf"(?P<day>\d{{1,2}}(?:st|nd|rd|th)?(?![\d:]|,\d|\s*[ap]\.?m\b)|{_ORDINAL})"
_DATES = (
    re.compile(rf"\b{_MONTH_NAME}\s+(?:the\s+)?{_DAY_OF_MONTH}"),
    re.compile(rf"\b{_DAY_OF_MONTH}\s+(?:of\s+)?{_MONTH_NAME}"),
    re.compile(rf"\b(?P<month>{_MONTH})\b"),
)
_MONTHS_BEGIN = tuple(month[:3] for month in MONTHS)
_SPANS = re.compile(
    r"\b(?=[ah])(?P<half>half\s+)?(?:an?)\s+(?P<unit>hour|day|week|month|year|minute)(?P<more>\s+and\s+a\s+half)?\b",
    re.IGNORECASE,
)
_WHEN = {"last": "-1", "this": "+0", "next": "+1"}
_RELATIVE = {
    "day before yesterday": "day-2",
    **dict.fromkeys(("yesterday", "last night"), "day-1"),
    **dict.fromkeys(("today", "tonight", "this morning", "this afternoon", "this evening"), "day+0"),
    "tomorrow": "day+1",
    "day after tomorrow": "day+2",
    **{f"{word} {unit}": f"{unit}{distance}" for unit in ("week", "month", "year") for word, distance in _WHEN.items()},
}
_OTHERS = {
    "weekend": week_day("weekend", "weekend"),
    **{
        f"{word} weekend": week_day(f"{word} weekend", "weekend", f"week{distance}") for word, distance in _WHEN.items()
    },
    "noon": clock("noon", 12, 0, "pm"),
    "midnight": clock("midnight", 12, 0, "am"),
    "half": Fact("number", "half", (), ("share:50",)),
    "once": Fact("number", "once", (), ("times:1", "said:1")),
    "twice": Fact("number", "twice", (), ("times:2", "said:2")),
    "couple": Fact("number", "couple", (), ("bare:2", "said:2")),
}
_FROM_NOW = "|".join(words.replace(" ", r"\s+") for words in sorted(_RELATIVE, key=len, reverse=True))
_OTHER = "|".join(words.replace(" ", r"\s+") for words in _OTHERS)
_DAYS_BEGIN = "|".join(sorted({words[:2].lower() for words in (*WEEKDAYS, *_OTHERS, *_RELATIVE, "the")}))
_DAY = re.compile(
    rf"""\b(?={_DAYS_BEGIN})(?:(?P<weekday>(?-i:{"|".join(WEEKDAYS)}))s?
    | (?<!and\ a\ )(?P<other>{_OTHER})s?(?!\ (?:past|to|an?)\b)
    | (?:the\s+)?(?:{_FROM_NOW}))\b""",
    re.IGNORECASE | re.VERBOSE,
)


def english_quantities(text: str) -> Iterator[Fact]:
    """Yield the numbers and dates of a text without Hangul."""
    yield from find_english_days(text)
    if any(name in text for name in _MONTHS_BEGIN):
        text, dates = _dates(text)
        yield from dates
    for match in _SPANS.finditer(text):
        readings = ENGLISH_UNITS[match["unit"].lower()]
        amount = readings[0][1] * (Fraction(1, 2) if match["half"] else Fraction(3, 2) if match["more"] else 1)
        yield span(match.group(), amount, [readings[0][0]], judged=bool(match["half"] or match["more"]))
    for match in _QUANTITY.finditer(text):
        yield _quantity(text, match)


def find_english_days(text: str) -> Iterator[Fact]:
    """Yield weekdays, and days, weeks, months and years from now."""
    for match in _DAY.finditer(text):
        if match["weekday"]:
            yield week_day(match.group(), match["weekday"])
        elif match["other"]:
            yield _OTHERS[" ".join(match["other"].lower().split())]
        else:
            yield relative(match.group(), _RELATIVE[" ".join(match.group().lower().split()).removeprefix("the ")])


def _dates(text: str) -> tuple[str, list[Fact]]:
    """Return the text with its dates blanked out, and the dates."""
    facts = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            month = str(next(place for place, name in enumerate(MONTHS, 1) if name.startswith(match["month"][:3])))
            day = match.groupdict().get("day")
            if day:
                words = re.findall(r"\d+|[a-z]+", re.sub(r"(?<=\d)(?:st|nd|rd|th)", "", day.lower()))
                facts.append(month_day(match.group(), month, english_values(words)[-1]))
            else:
                facts.append(Fact("date", match.group(), ((f"month:{month}",),), (f"month:{month}",)))
        text = pattern.sub(lambda match: " " * len(match.group()), text)
    return text, facts


def _quantity(text: str, match: re.Match[str]) -> Fact:
    groups, said = match.groupdict(), match.group().strip()
    period = _period(groups)
    if groups["clock"]:
        hour, minute = groups["clock"].split(":")
        return clock(said, int(hour), int(minute), period) if int(hour) < 25 else digits(said)
    if groups["serial"]:
        return serial_date(said) or digits(said)
    if len(groups["run"]) > MOST_DIGITS:
        return digits(said)
    words = [piece.lower() for piece in _PIECE.findall(groups["run"]) if piece.lower() != "and"]
    numbers = english_values(words)
    value = Fraction(numbers[0])
    hour = int(value) if value.denominator == 1 and 0 <= value < 25 else None
    if groups["part"] and hour is not None:
        minute = 30 if groups["part"].lower() == "half" else 15
        if groups["way"].lower() == "to":
            hour, minute = (hour - 1) % 24, 60 - minute
        return clock(said, hour, minute, period)
    if (groups["oclock"] or groups["period"]) and hour is not None and len(numbers) < 3:
        return clock(said, hour, int(Fraction(numbers[1])) if len(numbers) > 1 else 0, period)
    end = match.end("ordinal") if groups["ordinal"] else match.end("run")
    return _counted(text, text[match.start() : end].strip(), numbers, words, end, groups)


def _period(groups: dict[str, str | None]) -> str:
    if groups["ampm"]:
        return f"{groups['ampm'].lower()}m"
    if groups["period"]:
        return "am" if "morning" in groups["period"].lower() else "pm"
    return ""


def _counted(
    text: str, said: str, numbers: list[str], words: list[str], end: int, groups: dict[str, str | None]
) -> Fact:
    start = end - len(said)
    if half := _AND_A_HALF.match(text, end):
        numbers, end = [*numbers[:-1], str(Fraction(numbers[-1]) + Fraction(1, 2))], half.end()
    if groups["ordinal"] or words[-1] in ORDINALS:
        ranks = [(name, Fraction(1)) for name in ("rank", "day", "other-day")]
        return measured("number", said, numbers, ranks, judged=words != ["first"])
    unit = _UNIT.match(text, end)
    name = "" if unit is None else (unit[1] or re.sub(r"\s", "-", unit[2])).lower()
    if groups["sign"]:
        return measured("number", said, numbers, ENGLISH_UNITS[groups["sign"].strip()])
    if name in ENGLISH_UNITS and unit is not None:
        readings = ENGLISH_UNITS[name]
        if readings[0][0] in ("seconds", "months") and len(numbers) == 1:
            later = _LATER.match(text, unit.end()) or _IN.search(text, max(0, start - 4), start)
            way = "+" if later else "-" if _EARLIER.match(text, unit.end()) else ""
            fact = span(said, Fraction(numbers[0]) * readings[0][1], [readings[0][0]], way)
            ages = tuple(f"age:{numbers[0]}" for other, _ in readings[1:])
            return replace(
                fact,
                values=((*fact.values[0], *ages, f"bare:{numbers[0]}"),),
                gives=(*fact.gives, *ages, f"said:{numbers[0]}"),
            )
        return measured("number", said, numbers, readings)
    if (
        len(numbers) == 1
        and name in _NO_NOUNS
        and _AT.search(text, max(0, start - 4), start)
        and 0 < Fraction(numbers[0]) < 13
    ):
        return clock(said, int(Fraction(numbers[0])), 0)
    if (
        len(numbers) == 2
        and all(number.isdecimal() for number in numbers)
        and int(numbers[0]) < 13
        and 9 < int(numbers[1]) < 60
    ):
        time = clock(said, int(numbers[0]), int(numbers[1]))  # `ten thirty`
        return replace(time, gives=time.gives + measured("number", said, numbers, ()).gives)
    if words == ["one"]:  # `one of them`, `no one`
        return measured("number", said, numbers, (("things", Fraction(1)), ("people", Fraction(1))), judged=False)
    if name not in _NO_NOUNS and max(map(Fraction, numbers)) < 1000:  # more may be money
        fact = measured("number", said, numbers, (("things", Fraction(1)),))
        return replace(fact, gives=(*fact.gives, *(f"people:{number}" for number in numbers)))
    return measured("number", said, numbers, ())
