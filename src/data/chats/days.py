"""Dates as exports write them, and the line that keeps a message's day: `내일` and `tomorrow` count from it."""

import re
from collections.abc import Iterable
from datetime import date
from itertools import pairwise

DATE = (
    r"(?:[A-Z][a-z]{2,5}day,? )?[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}"
    r"|\d{4}년 \d{1,2}월 \d{1,2}일(?: [월화수목금토일]요일)?"
    r"|\d{4}[./-] ?\d{1,2}[./-] ?\d{1,2}\.?(?: [월화수목금토일](?:요일)?)?"
    r"|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"
    r"|\d{1,2}-[A-Z][a-z]{2}-\d{2,4}"
)
"""A date in any of the exports' forms."""
CLOCK = r"(?:(?:오전|오후|AM|PM)\s)?\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp]\.?[Mm]\.?)?"
"""A time of day."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WEEKDAYS = (
    ("월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
_MONTHS_SHORT = [name[:3].lower() for name in _MONTHS]
_NUMBERS = re.compile(r"\d+")
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS_SHORT)})", re.IGNORECASE)


def day_lines(written: Iterable[str], is_korean: bool) -> dict[str, str]:
    """Return the line for each date: `2026년 11월 1일 일요일` or `Sunday, November 1, 2026`.

    Whether 3/4/26 has the day first or the month is found from all dates together; where both are possible, and for
    what is no date of the calendar, the line is the date as it was written.
    """
    dates = list(dict.fromkeys(written))
    is_day_first = _is_day_first(dates)
    lines = {}
    for one in dates:
        day = _date(one, is_day_first)
        lines[one] = one if day is None else _line(day, is_korean)
    return lines


def _line(day: date, is_korean: bool) -> str:
    weekday = _WEEKDAYS[0 if is_korean else 1][day.weekday()]
    if is_korean:
        return f"{day.year}년 {day.month}월 {day.day}일 {weekday}"
    return f"{weekday}, {_MONTHS[day.month - 1]} {day.day}, {day.year}"


def _is_day_first(dates: list[str]) -> bool | None:
    """Return which order of the slashes all dates allow; of two, the one in which the days don't go back."""
    ambiguous = [one for one in dates if "/" in one and _date(one, None) is None]
    read = {order: [_date(one, order) for one in ambiguous] for order in (True, False)}
    possible = [order for order, days in read.items() if all(days)]
    if len(possible) == 2:
        possible = [order for order in possible if all(a <= b for a, b in pairwise(filter(None, read[order])))]
    return possible[0] if len(possible) == 1 and (len(ambiguous) > 1 or not all(map(all, read.values()))) else None


def _date(written: str, is_day_first: bool | None) -> date | None:
    numbers = [int(number) for number in _NUMBERS.findall(written)]
    if (month := _MONTH.search(written)) and len(numbers) == 2:
        day, year = numbers
        parts = (year, _MONTHS_SHORT.index(month[1].lower()) + 1, day)
    elif len(numbers) != 3:
        return None
    elif numbers[0] > 31:
        parts = (numbers[0], numbers[1], numbers[2])
    elif "." in written or "-" in written or is_day_first:
        parts = (numbers[2], numbers[1], numbers[0])
    elif is_day_first is None:
        return None
    else:
        parts = (numbers[2], numbers[0], numbers[1])
    year = parts[0] + 2000 if parts[0] < 100 else parts[0]
    try:
        return date(year, *parts[1:])
    except ValueError:
        return None
