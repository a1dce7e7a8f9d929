"""Numbers and dates in Korean text: `세 시 반`, `3만 5천 원`, `5월 3일`, `사흘 뒤`, `삼분의 이`.

Kiwi tells numerals from other words (`네`, `세상`, `이 사람`); what they count is read from the text behind them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from .korean_days import find_days
from .numerals import NATIVE, TENS, goes_on, is_numeral, known_count, korean_values
from .units import (
    KOREAN_UNITS,
    PEOPLE,
    VAGUE,
    Fact,
    FactKind,
    Reading,
    clock,
    digits,
    measured,
    month_day,
    serial_date,
    span,
)

if TYPE_CHECKING:
    from kiwipiepy import Token

_DAYS = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "열흘": 10, "보름": 15}
_PERIOD = re.compile(r"(오전|새벽|아침|오후|저녁|점심|낮|밤)(?:에|의)?\s?$")
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_UNIT = re.compile(r"\s?(" + "|".join(sorted(map(re.escape, KOREAN_UNITS), key=len, reverse=True)) + ")", re.IGNORECASE)
_UNIT_TAGS = ("NN", "SW", "SL", "XSN", "NR")
_HALF = re.compile(r"\s?반(?=$|[^가-힣]|[에이까부쯤으은을도정짜동만간과])")
_BEFORE_WAY = r"\s?(?:쯤|정도)?\s?"
_LATER = re.compile(_BEFORE_WAY + r"(?:뒤|이후|후|있다)(?:$|[^가-힣]|[에로의인가나엔부까는도])")
_EARLIER = re.compile(_BEFORE_WAY + r"(?:이전|전)(?:$|[^가-힣]|[에의인엔부까만이])")
_LASTING = re.compile(r"\s?(?:동안|간|이나|내내|치|째|정도|남|걸리|걸려|걸렸|짜리|만에|연속|차)")
_JUDGED_DAY = re.compile(r"\s?(?:동안|간|뒤|후|전|만|더|치|짜리|연속|앞|미)")  # `하루` says nothing in `하루를 보낸다`
_RATE = re.compile(r"에\s?(?:[가-힣\d]+\s?(?:번|회|개|알|잔|시간|분|장|씩))")
_LIST = re.compile(r"\s?(?:[~∼,·–/-]|에서|부터|이나|나|또는|아니면|하고|과|와|이랑|랑)?\s?")
_BELOW = re.compile(r"(?:지하|영하)\s?$")
_TEN_THOUSANDS = re.compile(r"(?<![가-힣])[이삼사오육칠팔구십백천]{1,4}만(?=[\s,.?!이]|$)")  # `오만` is a noun to Kiwi
_SPELLED = re.compile(r"(?<![가-힣])[공영일이삼사오육륙칠팔구]{3,}")
_ALONE = (("things", Fraction(1)), ("people", Fraction(1)), ("age", Fraction(1)))  # `둘`, `스물다섯`


@dataclass(frozen=True)
class _Count:
    """A number in a text and what it counts; `end` is behind the unit, `readings` are what the unit may mean.

    `last_word` is its last numeral or run of digits; `두세` has two `numbers`.
    """

    start: int
    end: int
    last_word: str
    numbers: tuple[str, ...]
    unit: str = ""
    readings: tuple[Reading, ...] = ()
    judged: bool = True

    @property
    def value(self) -> Fraction:
        return Fraction(self.numbers[-1])


def korean_quantities(text: str, tokens: "Sequence[Token]") -> Iterator[Fact]:
    """Yield the numbers and dates of a Korean text with Kiwi's tokens."""
    yield from find_days(text)
    for match in _SPELLED.finditer(text):  # digits one by one: an ending may look like the last (`일이에요`)
        for spelled in (match.group(), match.group().removesuffix("이")):
            yield replace(digits("".join(korean_values(spelled))), values=())
    for match in _TEN_THOUSANDS.finditer(text):
        yield measured("number", match.group(), korean_values([match.group()]), (), judged=False)
    yield from (_serial(text, token) for token in tokens if token.tag == "W_SERIAL")
    counts = _with_shared_units(text, list(_counts(text, tokens)))
    index = 0
    while index < len(counts):
        fact, used = _fact(text, counts[index], counts[index + 1 : index + 2])
        index += used
        yield fact


def _fact(text: str, count: _Count, following: Sequence[_Count]) -> tuple[Fact, int]:
    """Return the fact of a count, and of how many counts it is made: `두 시` and `삼십 분` are one."""
    after = following[0] if following and following[0].start <= count.end + 1 else None
    said = text[count.start : after.end if after else count.end].strip()
    alone = text[count.start : count.end]
    if count.unit == "시" and count.value < 25 and count.value.denominator == 1:
        return _clock(text, count, after)
    if count.unit == "월" and after and after.unit in ("일", ""):
        # Kiwi reads the unit of `이십 일` as a digit, 21.
        taken = not after.unit and after.last_word.endswith("일") and after.value > 1
        return month_day(said, count.numbers[-1], str(after.value - taken)), 2
    if count.unit == "점" and after and _is_fraction(count, after):  # `사 점 오 퍼센트`
        decimal = f"{count.numbers[-1]}.{''.join(after.numbers)}"
        return measured("number", said, [decimal], after.readings), 2
    if count.unit == "분" and following and text[count.end : following[0].start].strip() == "의":
        share = f"share:{following[0].value / count.value * 100}" if count.value else "share:0"
        return Fact("number", text[count.start : following[0].end], ((share,),), (share,)), 2
    if count.readings and count.readings[0][0] in ("seconds", "months") and len(count.numbers) == 1:
        name, factor = count.readings[0]
        is_smaller = after and after.readings and after.readings[0][0] == name and after.readings[0][1] < factor
        return (_span(text, count, after), 2) if is_smaller else (_span(text, count, None), 1)
    kind: FactKind = "date" if count.unit in ("년", "월", "일") else "number"
    fact = measured(kind, alone, count.numbers, count.readings, count.judged)
    if count.unit == "층" and count.value > 0 and "지하" in text:  # `지하 2층과 3층`
        fact = replace(fact, gives=(*fact.gives, f"floor:{-count.value}"))
    return fact, 1


def _is_fraction(count: _Count, after: _Count) -> bool:
    """Return whether `점` between two numbers is the decimal point, and not the unit of the first."""
    sino = not any(part in count.last_word for part in (*NATIVE, *TENS)) and not count.last_word.isdecimal()
    return sino and all(len(number) == 1 for number in after.numbers) and not after.last_word.isdecimal()


def _clock(text: str, count: _Count, after: _Count | None) -> tuple[Fact, int]:
    minutes = after if after and after.unit == "분" else None
    half = None if minutes else _HALF.match(text, count.end)
    end = minutes.end if minutes else half.end() if half else count.end
    hour, minute = int(count.value), int(minutes.value) if minutes else 30 if half else 0
    start, period = _period(text, count.start, hour)
    fact = clock(text[start:end], hour, minute, period)
    for number in count.numbers[:-1]:  # `두세 시`
        other = clock(fact.text, int(Fraction(number)), minute, period)
        fact = replace(fact, values=fact.values + other.values, gives=fact.gives + other.gives)
    return fact, 2 if minutes else 1


def _period(text: str, start: int, hour: int) -> tuple[int, str]:
    """Return where a time of day begins with its `오후`, and which half of the day that is; empty where unsaid."""
    match = _PERIOD.search(text, max(0, start - 5), start)
    if not match:
        return start, ""
    word = match.group(1)
    if word in ("오전", "새벽", "아침"):
        period = "" if hour == 12 and word == "오전" else "am"
    elif word == "밤":
        period = "am" if hour in (12, 1, 2, 3, 4) else "pm"
    else:
        period = "am" if word in ("낮", "점심") and hour in (10, 11) else "pm"
    return match.start(), period


def _span(text: str, count: _Count, joined: _Count | None) -> Fact:
    """Return the fact of a length of time; `joined` is its smaller part (`30분` of `1시간 30분`)."""
    name, factor = count.readings[0]
    amount, end = count.value * factor, count.end
    if joined:
        amount, end = amount + joined.value * joined.readings[0][1], joined.end
    elif half := _HALF.match(text, end):
        amount, end = amount + factor / 2, half.end()
    way = "+" if _LATER.match(text, end) else "-" if _EARLIER.match(text, end) else ""
    judged = count.judged and not (amount == factor and _RATE.match(text, end))
    fact = span(text[count.start : end], amount, [name], way, judged)
    others = () if joined or way or _LASTING.match(text, end) else count.readings[1:]
    if not others:
        return fact
    other = measured("date" if count.unit in ("년", "일") else "number", fact.text, count.numbers, others, judged)
    parts = ((*fact.values[0], *other.values[0]),) if judged else ()
    return Fact(other.kind, fact.text, parts, fact.gives + other.gives)


def _counts(text: str, tokens: "Sequence[Token]") -> Iterator[_Count]:
    """Yield the numbers with their units, in the order of the text."""
    index = 0
    while index < len(tokens):
        token, index = tokens[index], index + 1
        if token.form in _DAYS:
            judged = token.form != "하루" or bool(_JUDGED_DAY.match(text, token.end))
            number = str(_DAYS[token.form])
            yield _Count(token.start, token.end, token.form, (number,), "일간", KOREAN_UNITS["일간"], judged)
        elif known := known_count(token):
            number, unit = known
            yield _Count(token.start, token.end, token.form, (number,), unit, KOREAN_UNITS[unit])
        elif token.tag == "NR" and token.form.endswith("째") and (numbers := korean_values([token.form[:-1]])):
            yield _Count(token.start, token.end, token.form, tuple(numbers), "째", KOREAN_UNITS["째"])
        elif is_numeral(token):
            run = [token]
            while index < len(tokens) and goes_on(run[-1], tokens[index]):
                run.append(tokens[index])
                index += 1
            before = tokens[index - len(run) - 1] if index > len(run) else None
            yield from _counted(text, run, tokens[index : index + 1], before)


def _counted(text: str, run: "list[Token]", after: "Sequence[Token]", before: "Token | None") -> Iterator[_Count]:
    """Yield what a run of digits and numerals counts, unless it is no number (`수천`) or an article (`한 10분`)."""
    words = [piece for token in run for piece in (re.findall(_NUMBER, token.form) or [token.form])]
    numbers = tuple(korean_values(words))
    if not numbers:
        return
    if len(numbers) > 2 and all(len(number) == 1 for number in numbers):
        numbers = ("".join(numbers).lstrip("0") or "0",)  # `공일공`
    start, end = run[0].start, run[-1].end
    if below := _BELOW.search(text, max(0, start - 3), start):
        start, numbers = below.start(), tuple(f"-{number}" for number in numbers)
    native = any(part in words[-1] for part in (*NATIVE, *TENS))
    one = words[-1] in ("한", "하나")
    unit = _UNIT.match(text, end)
    noun = after[0] if after and after[0].start <= end + 1 and after[0].tag.startswith(_UNIT_TAGS) else None
    count = _Count(start, noun.end if noun else end, words[-1], numbers, noun.form if noun else "")
    if before is not None and before.tag == "XPN" and before.form == "제":
        yield replace(count, start=before.start, readings=KOREAN_UNITS["번째"])
    elif unit and noun and unit.start(1) == noun.start and unit.end() >= noun.end:
        name = unit.group(1)
        readings = _readings(name.lower(), words[-1], numbers, native)
        judged = not (one and name in VAGUE) and name not in ("가지", "곳", "군데")
        yield replace(count, end=unit.end(), unit=name, readings=readings, judged=judged)
    elif noun and noun.form in PEOPLE:
        yield replace(count, readings=KOREAN_UNITS["명"])
    elif noun and words != ["만"] and (run[-1].tag == "MM" or noun.tag == "NNB" or noun.start == end):
        yield replace(count, readings=KOREAN_UNITS["개"], judged=noun.tag == "NNB" or not native)
    elif run[-1].tag != "MM" and words != ["만"]:  # `만실`
        yield replace(count, end=end, unit="", readings=_ALONE if native else (), judged=not one)


def _readings(unit: str, word: str, numbers: Sequence[str], native: bool) -> tuple[Reading, ...]:
    """Return what a unit may mean behind this number: `두 분` are people, `이 분` are minutes, `2분` either."""
    readings = KOREAN_UNITS[unit]
    if unit == "분" and not word[:1].isdecimal():
        return readings[1:] if native else readings[:1]
    if unit == "년":
        return readings[1:] if Fraction(numbers[-1]) >= 1000 else readings[:1]
    return readings


def _with_shared_units(text: str, counts: list[_Count]) -> list[_Count]:
    """Give numbers the unit of the one behind them in a list or a range: `2~3일`, `4, 5시`."""
    for index in range(len(counts) - 2, -1, -1):
        count, following = counts[index], counts[index + 1]
        if not count.unit and following.unit and _LIST.fullmatch(text, count.end, following.start):
            counts[index] = replace(count, unit=following.unit, readings=following.readings)
    return counts


def _serial(text: str, token: "Token") -> Fact:
    """Return the fact of digits held together by signs: `3:30`, `5/13`, `010-1234-5678`."""
    time = re.fullmatch(r"(\d{1,2}):(\d\d)", token.form)
    if time and int(time[1]) < 25:
        start, period = _period(text, token.start, int(time[1]))
        return clock(text[start : token.end], int(time[1]), int(time[2]), period)
    return serial_date(token.form) or digits(token.form)
