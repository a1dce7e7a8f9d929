"""What numbers count: classes of units, so that `5시`, `5일` and `5만 원` are three things.

A number with its unit is a value of a class, written `class:number` in the class's smallest measure: `두 시간` and
`120 minutes` are both `seconds:7200`. Where a unit may mean two things (`3일`: the third, or three days) it has
both values, and either one will do. A number without a unit fits those with any.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, get_args

FactKind = Literal["number", "date", "name"]
KINDS: tuple[FactKind, ...] = get_args(FactKind)
Reading: TypeAlias = tuple[str, Fraction]
"""A class of units, and how many of its smallest measure one unit is."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAY = 86400
"""Seconds."""
_SPANS = {"seconds": {"day": DAY, "week": 7 * DAY}, "months": {"month": 1, "year": 12}}
_WON = 10**4  # prices are said without their 만: `천에 육십`


@dataclass(frozen=True)
class Fact:
    """Something that a summary says and its dialogue should hold.

    `values` has an entry for each part; any one of the entry's values supports it. It is empty for what is said but
    not judged (`한 가지`). `gives` are the values that a dialogue which says the same holds.
    """

    kind: FactKind
    text: str
    values: tuple[tuple[str, ...], ...]
    gives: tuple[str, ...] = ()


def _table(text: str) -> dict[str, tuple[Reading, ...]]:
    """Read lines such as `일: seconds 86400, day 1`; several units before the colon mean the same."""
    table: dict[str, tuple[Reading, ...]] = {}
    for line in text.strip().splitlines():
        units, readings = line.split(":")
        named = [reading.split() for reading in readings.split(",")]
        table |= dict.fromkeys(units.split(), tuple((name, Fraction(factor)) for name, factor in named))
    return table


KOREAN_UNITS = _table("""
초 초간: seconds 1
분간: seconds 60
분: seconds 60, people 1
시간: seconds 3600
일: seconds 86400, day 1, other-day 1
일간 일째: seconds 86400
주 주일 주간 주째: seconds 604800
달 개월 개월간 달간: months 1
해 년간 년째: months 12
년: months 12, year 1
년도 년생: year 1
월: month 1
시: clock 60
원: won 1
달러 불: dollars 1
유로: euros 1
엔: yen 1
위안: yuan 1
파운드: pounds 1
명 사람 인 식구: people 1
살 세: age 1
번째 째 등 위 차 회차: rank 1
번: times 1, label 1
회: times 1, rank 1
차례: times 1
호 호실: room 1
호선: line 1
동: building 1
반: class 1
학년: grade 1
교시: lesson 1
쪽 페이지: page 1
층: floor 1
% 퍼센트 프로: share 1
할: share 10
배: times-as-much 1
점: points 1, things 1
킬로: kilograms 1, meters 1000
kg 킬로그램: kilograms 1
g 그램 그람: kilograms 1/1000
km 킬로미터: meters 1000
m 미터: meters 1
cm 센티 센티미터: meters 1/100
mm 밀리미터: meters 1/1000
l 리터: liters 1
ml 밀리리터 밀리 cc 시시: liters 1/1000
도: degrees 1
평: pyeong 1
숟가락 스푼 큰술: spoons 1
작은술 티스푼: teaspoons 1
개 가지 곳 군데 마리 권 병 잔 장 대 판 알 정 벌 켤레 자루 송이 그루 봉지 봉 상자 박스 통 캔 컵 접시 그릇 인분: things 1
조각 줄 팩 포기 채 편 곡 건 부 문제 과목 팀 쌍 모 단 척 톨 다발 묶음 세트 테이블 자리 좌석 끼 모금 바퀴 마디: things 1
""")
_PEOPLE = """
친구 남자 여자 학생 아이 동료 자매 형제 남매 부부 모녀 부자 모자 선수 직원 남녀 팀원 손님 인물 화자 이웃 선생님 아들 딸
어른 남학생 여학생 회원 동생 청년 여성 남성 형 누나 언니 오빠 엄마 아빠 어머니 아버지 남편 아내 상사 부하
고객 환자 의사 간호사
"""
_VAGUE = "가지 곳 군데 번 편 쪽 점 통 잔 끼 모금 바퀴 마디 자리 팀 차례 줄 건 조각"
PEOPLE = frozenset(_PEOPLE.split())
VAGUE = frozenset(_VAGUE.split())
"""Counters that `한` makes an idiom with: `한 번 더`, `차 한 잔`."""

ENGLISH_UNITS = _table("""
second seconds sec secs: seconds 1
minute minutes min mins: seconds 60
hour hours hr hrs: seconds 3600
day days night nights: seconds 86400
week weeks: seconds 604800
month months: months 1
year years yr yrs: months 12, age 1
dollar dollars buck bucks usd $: dollars 1
cent cents: dollars 1/100
won ₩: won 1
euro euros €: euros 1
yen ¥: yen 1
yuan rmb: yuan 1
pound pounds £: pounds 1
person persons people men women guys guests students friends kids children adults players members girls boys: people 1
percent % per-cent: share 1
time times: times 1
kilo kilos kg kilogram kilograms: kilograms 1
km kilometer kilometers kilometre kilometres: meters 1000
meter meters metre metres: meters 1
mile miles: miles 1
floor floors: floor 1
""")


def measured(
    kind: FactKind, text: str, numbers: Sequence[str], readings: Iterable[Reading], judged: bool = True
) -> Fact:
    """Return the fact of numbers (`두세 명` has two) with their unit; without a reading they fit any unit."""
    readings = tuple(readings)
    if not readings:
        alone = tuple((f"bare:{number}", f"said:{number}") for number in numbers)
        return Fact(kind, text, alone if judged else (), tuple(value for part in alone for value in part))
    values = [tuple(f"{name}:{Fraction(number) * factor}" for name, factor in readings) for number in numbers]
    parts = tuple((*its, *_bare(number, readings)) for its, number in zip(values, numbers, strict=True))
    gives = [value for its in values for value in its] + [f"said:{number}" for number in numbers]
    return Fact(kind, text, parts if judged else (), tuple(gives))


def span(text: str, amount: Fraction, readings: Sequence[str], way: str = "", judged: bool = True) -> Fact:
    """Return the fact of a length of time, in its class's measure; `way` is `+` for `사흘 뒤`, `-` for `사흘 전`.

    One without a way fits both. `하루 뒤` and `내일` are the same, so are `1년 전` and `작년`.
    """
    values = [f"{name}:{amount}" for name in readings]
    relative = [
        f"{unit}{way}{amount / size}"
        for name in readings
        for unit, size in _SPANS[name].items()
        if way and amount % size == 0
    ]
    ways = [f"{value}{sign}" for value in values for sign in (way or "+-")]
    own = ways if way else values
    return Fact("number", text, ((*own, *relative),) if judged else (), (*values, *ways, *relative))


def clock(text: str, hour: int, minute: int, period: str = "", judged: bool = True) -> Fact:
    """Return the fact of a time of day; `period` is `am`, `pm`, or empty where it may be either."""
    hours = {"": (hour, hour + 12), "am": (hour % 12,), "pm": (hour % 12 + 12,)}[period if hour <= 12 else ""]
    hours = (hour,) if hour > 12 or (hour == 0 and not period) else hours
    values = tuple(f"clock:{choice % 24 * 60 + minute}" for choice in hours)
    parts = [(*values, f"bare:{number}") for number in ([hour, minute] if minute else [hour])]
    return Fact("date", text, tuple(parts) if judged else (), (*values, f"said:{hour}", f"said:{minute}"))


def relative(text: str, value: str) -> Fact:
    """Return the fact of a day, week, month or year by its distance from now, such as `day+1`.

    Today and this week are often meant without being said: a dialogue that names no other day holds them too.
    """
    unit, sign, distance = re.split("([+-])", value)
    if distance == "0":
        return Fact("date", text, ((value, f"no-{unit}"),), (value,))
    name, size = next((name, sizes[unit]) for name, sizes in _SPANS.items() if unit in sizes)
    return Fact("date", text, ((value,),), (value, f"{name}:{int(distance) * size}{sign}"))


def week_day(text: str, day: str, week: str = "") -> Fact:
    """Return the fact of a weekday or of the `weekend`; `week`, such as `week+1`, is the one that it is said with.

    That of a week is held by the same, or by one that is said without its week (`다음 주`, and then `토요일 어때?`).
    """
    days = ("weekend", *WEEKDAYS[5:]) if day == "weekend" else (day,)
    values = tuple(f"{one}:{of}" for one in days for of in (week, "any")) if week else days
    return Fact("date", text, (values,), (day, f"{day}:{week or 'any'}"))


def month_day(text: str, month: str, day: str) -> Fact:
    """Return the fact of a day of the year: a dialogue says both together, or `5월 3일이나 10일`."""
    together = f"date:{month}/{day}"
    values = ((together, f"month:{month}"), (together, f"other-day:{day}"))
    return Fact("date", text, values, (together, f"month:{month}", f"day:{day}"))


def serial_date(text: str) -> Fact | None:
    """Return the fact of `5/13`, `2026-05-03` or `2.5.1999`; None where the digits are no date.

    Either number of `5/3` may be the month, and `2/3` may be two thirds.
    """
    numbers = [int(run) for run in re.findall(r"\d+", text)]
    if re.fullmatch(r"\d{1,2}/\d{1,2}", text):
        year, one, other = 0, *numbers
    elif match := re.fullmatch(r"\d{2,4}([-./])\d{1,2}\1\d{1,2}\.?|\d{1,2}([-./])\d{1,2}\2\d{4}", text):
        year, one, other = numbers if match[1] else (numbers[2], numbers[0], numbers[1])
    else:
        return None
    orders = [(one, other), (other, one)] if one != other else [(one, other)]
    days = [month_day(text, str(month), str(day)) for month, day in orders if 0 < month < 13]
    share = [f"share:{Fraction(100 * one, other)}"] if not year and 0 < one < other else []
    years = [f"year:{year if year > 99 else 2000 + year}"] if year else []
    parts = [tuple(value for day in days for value in day.values[place]) + tuple(share) for place in (0, 1)]
    gives = [value for day in days for value in day.gives] + share + years + [f"said:{number}" for number in numbers]
    return Fact("date", text, tuple(part for part in (*parts, tuple(years)) if part), tuple(gives))


def digits(text: str) -> Fact:
    """Return the fact of digits that signs hold together, such as a telephone number: each run of them is a part."""
    runs = [run.lstrip("0") or "0" for run in re.findall(r"\d+", text)]
    together = "".join(re.findall(r"\d", text)).lstrip("0")
    return Fact(
        "number", text, tuple((f"said:{run}",) for run in runs), tuple(f"said:{run}" for run in (*runs, together))
    )


def _bare(number: str, readings: Iterable[Reading]) -> list[str]:
    """Return what a number with a unit is without it."""
    bare = [f"bare:{number}"]
    if any(name == "won" for name, _ in readings) and Fraction(number) % _WON == 0:
        bare.append(f"bare:{Fraction(number) / _WON}")
    return bare
