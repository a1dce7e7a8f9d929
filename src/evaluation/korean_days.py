"""Weekdays and days from now in Korean text, colloquial forms among them: `화욜`, `주말`, `모레`, `담주`, `내후년`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from .units import WEEKDAYS, Fact, clock, measured, relative, week_day

_WEEKDAYS = dict(zip("월화수목금토일", WEEKDAYS, strict=True))
_DAY = re.compile(r"([월화수목금토일])(?:요일|욜)")
_DAYS = re.compile(r"[월화수목금토일](?:[,·/]?\s?[월화수목금토일]){1,5}(?=[\s,.?!]|반|마다|에|은|이|입|요일|$)")
# By unit and distance from now; `_` is a space or none.
_RELATIVE = {
    "day-2": "그저께 그제 엊그제 엊그저께",
    "day-1": "어제 어저께",
    "day+0": "오늘",
    "day+1": "내일 명일",
    "day+2": "모레 내일모레",
    "day+3": "글피",
    "week-1": "지난_주 저번_주",
    "week+0": "이번_주 금주",
    "week+1": "다음_주 담_주 차주 내주",
    "week+2": "다다음_주",
    "month-1": "지난_달 저번_달",
    "month+0": "이번_달 이달",
    "month+1": "다음_달 담_달 내달",
    "month+2": "다다음_달",
    "year-2": "재작년",
    "year-1": "작년 지난해",
    "year+0": "올해 금년",
    "year+1": "내년",
    "year+2": "내후년 후년",
}
# What stands before or behind a word where it is one: `낼` is a verb too.
_WHERE = {
    "그제": "(?![야서])",
    "오늘": "(?!날)",
    "차주": r"(?=[\s에])",
    "내주": "(?=에)",
    "낼": r"(?=[\s,.!?~]|$|부터|까지)",
    "반": r"(?<![가-힣]반)(?<![시간달] 반)(?=[으씩은만 ])",
    "반년": "(?<![가-힣]반년)",
}
_SHARE = (("share", Fraction(1)),)
_SAID = {word: relative(word, value) for value, words in _RELATIVE.items() for word in words.split()}
_SAID |= {word: Fact("date", word, (), ("day+0",)) for word in ("지금", "이따", "방금", "아까", "당장")}
_SAID |= {word: Fact("number", word, (), ("rank:1", "times:1")) for word in ("첫", "처음")}
_SAID |= {
    word: measured("number", word, ["50"], _SHARE, judged=word in ("절반", "반값"))
    for word in ("절반", "반값", "반반", "반")
}
_SAID |= {
    "낼": Fact("date", "낼", (), ("day+1",)),
    "자정": clock("자정", 12, 0, "am"),
    "정오": clock("정오", 12, 0, "pm"),
    "주말": week_day("주말", "weekend"),
    "평일": Fact("date", "평일", (("workday", *WEEKDAYS[:5]),), ("workday",)),
    "반년": Fact("number", "반년", (("months:6",),), ("months:6", "months:6+", "months:6-")),
}
# Of words that begin alike the longest; alternatives that begin with a letter are found fast.
_WORDS = "|".join(word.replace("_", r"\s?") + _WHERE.get(word, "") for word in sorted(_SAID, key=len, reverse=True))
_WORD = re.compile(_WORDS)
_THEN = re.compile(r"[에의]?\s?")
_END = re.compile("말(?!고)")  # that makes a weekend of a week, but for `이번 주말고 다음 주`
_BY_LETTERS = {word.replace("_", ""): fact for word, fact in _SAID.items()}


def find_days(text: str) -> Iterator[Fact]:
    """Yield weekdays, days, weeks, months and years from now, noon, midnight, and halves."""
    weeks = dict(_weeks_of_days(text))
    for match in _DAY.finditer(text):
        yield week_day(match[0], _WEEKDAYS[match[1]], weeks.get(match.start(), ""))
    for match in _DAYS.finditer(text):  # `월수금 반`, `화, 목`
        if not "가" <= text[match.start() - 1 : match.start()] <= "힣":
            days = [week_day("", _WEEKDAYS[letter]) for letter in match[0] if letter in _WEEKDAYS]
            yield Fact("date", match[0], (), tuple(value for day in days for value in day.gives))
    for match in _WORD.finditer(text):
        fact = _said(match[0])
        if match[0].endswith("주") and _END.match(text, match.end()):
            fact = _with_weekend(fact)
        elif match.start() in weeks and match[0] == "주말":  # `다음 주 주말`
            fact = week_day(match[0], "weekend", weeks[match.start()])
        yield fact


def _said(text: str) -> Fact:
    return replace(_BY_LETTERS["".join(text.split())], text=text)


def _weeks_of_days(text: str) -> Iterator[tuple[int, str]]:
    """Yield where a weekday may begin that is said with a week from now (`다음 주 월요일`), and that week."""
    for match in _WORD.finditer(text):
        if match[0].endswith("주") and (then := _THEN.match(text, match.end())):
            yield then.end(), _said(match[0]).gives[0]


def _with_weekend(week: Fact) -> Fact:
    """Return `다음 주말` of `다음 주`: a week, and its weekend."""
    weekend = week_day(f"{week.text}말", "weekend", week.gives[0])
    return replace(weekend, values=week.values + weekend.values, gives=week.gives + weekend.gives)
