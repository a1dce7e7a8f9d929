"""Weekdays and days from now in Korean text, colloquial forms among them: `화욜`, `주말`, `모레`, `담주`, `내후년`."""

import re
from collections.abc import Iterator
from fractions import Fraction

from .units import WEEKDAYS, Fact, clock, measured, relative

_WEEKDAYS = dict(zip("월화수목금토일", WEEKDAYS, strict=True))
_DAY = re.compile(r"([월화수목금토일])(?:요일|욜)")
_DAYS = re.compile(r"(?<![가-힣])([월화수목금토일]{2,5})(?=[\s,.?!]|반|마다|에|은|이|요일|$)")
_GROUPS = {"주말": ("weekend", WEEKDAYS[5:]), "평일": ("workday", WEEKDAYS[:5])}
# By unit and distance from now.
_RELATIVE = {
    "day-2": r"그저께|그제(?![야서])|엊그제|엊그저께",
    "day-1": "어제|어저께",
    "day+0": "오늘(?!날)",
    "day+1": "내일(?!모레)|명일",
    "day+2": "(?:내일)?모레",
    "day+3": "글피",
    "week-1": r"(?:지난|저번)\s?주",
    "week+0": r"이번\s?주|금주",
    "week+1": r"(?<!다)(?:다음|담)\s?주|차주(?=[\s에])|내주(?=에)",
    "week+2": r"다다음\s?주",
    "month-1": r"(?:지난|저번)\s?달",
    "month+0": r"이번\s?달|이달",
    "month+1": r"(?<!다)(?:다음|담)\s?달|내달",
    "month+2": r"다다음\s?달",
    "year-2": "재작년",
    "year-1": "(?<!재)작년|지난해",
    "year+0": "올해|금년",
    "year+1": "내년",
    "year+2": "내후년|(?<!내)후년",
}
_RELATIVE_WORD = re.compile("|".join(f"(?P<r{place}>{words})" for place, words in enumerate(_RELATIVE.values())))
# What may say a day or a share, and is not judged: `낼` is a verb too.
_MEANT = {"day+0": "지금|이따|방금|아까|당장", "day+1": r"낼(?=[\s,.!?~]|$|부터|까지)"}
_MEANT_WORD = re.compile("|".join(f"(?P<r{place}>{words})" for place, words in enumerate(_MEANT.values())))
_HALF = re.compile(r"(절반|반값)|반반|(?<![가-힣])(?<![시간달] )반(?=[으씩은만 ])")
_FIRST = re.compile("첫|처음")
_NOON = re.compile("자정|정오")
_HALF_YEAR = re.compile("(?<![가-힣])반년")
_SHARE = (("share", Fraction(1)),)


def find_days(text: str) -> Iterator[Fact]:
    """Yield weekdays, days, weeks, months and years from now, noon, midnight, and halves."""
    for match in _DAY.finditer(text):
        day = _WEEKDAYS[match[1]]
        yield Fact("date", match[0], ((day,),), (day,))
    for match in _DAYS.finditer(text):
        yield Fact("date", match[0], (), tuple(_WEEKDAYS[letter] for letter in match[1]))
    for word, (value, days) in _GROUPS.items():
        if word in text:
            yield Fact("date", word, ((value, *days),), (value,))
    for match in _RELATIVE_WORD.finditer(text):
        yield relative(match[0], list(_RELATIVE)[int(str(match.lastgroup)[1:])])
    for match in _MEANT_WORD.finditer(text):
        yield Fact("date", match[0], (), (list(_MEANT)[int(str(match.lastgroup)[1:])],))
    for match in _NOON.finditer(text):
        yield clock(match[0], 12, 0, "am" if match[0] == "자정" else "pm")
    for match in _HALF.finditer(text):
        yield measured("number", match[0].strip(), ["50"], _SHARE, judged=match[1] is not None)
    for match in _FIRST.finditer(text):
        yield Fact("number", match[0], (), ("rank:1", "times:1"))
    for match in _HALF_YEAR.finditer(text):
        yield Fact("number", match[0], (("months:6",),), ("months:6", "months:6+", "months:6-"))
