"""What number a piece of text says: digits, and Korean and English number words, as plain decimals such as `33000`."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiwipiepy import Token

_SINO = "영일이삼사오육칠팔구"
_NATIVE = [("하나", "한"), ("둘", "두"), ("셋", "세", "석", "서"), ("넷", "네", "넉", "너"), ("다섯", "닷")]
_NATIVE += [(word,) for word in ("여섯", "일곱", "여덟", "아홉")]
_NATIVE_TENS = [("열",), ("스물", "스무"), ("서른",), ("마흔",), ("쉰",), ("예순",), ("일흔",), ("여든",), ("아흔",)]
_ENGLISH = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"

NATIVE = {word: value for value, words in enumerate(_NATIVE, 1) for word in words}
"""Korean's own numerals from 1 to 9, alone and as they stand before a counter (`셋`, `세`)."""
DIGITS = NATIVE | {word: value for value, word in enumerate(_SINO)} | {"공": 0, "륙": 6}
TENS = {word: 10 * value for value, words in enumerate(_NATIVE_TENS, 1) for word in words}
SCALES = {"십": 10, "백": 100, "천": 1000, "만": 10**4, "억": 10**8, "조": 10**12}

ENGLISH = {word: value for value, word in enumerate([*_ENGLISH.split(), "seventeen", "eighteen", "nineteen"])}
ENGLISH_TENS = {word: 10 * value for value, word in enumerate(_ENGLISH_TENS.split(), 2)}
ENGLISH_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "billion": 10**9}
ORDINALS = {word: value for value, word in enumerate(_ORDINALS.split())}
ORDINALS |= {f"{word}th": value for word, value in ENGLISH.items() if value > 12}
ORDINALS |= {f"{word[:-1]}ieth": value for word, value in ENGLISH_TENS.items()}

_ABOUT = {"두어": "둘", "너덧": "넷다섯", "네댓": "넷다섯", "대여섯": "다섯여섯", "예닐곱": "여섯일곱"}
_MONTHS = {"유월": "6", "시월": "10"}
MOST_DIGITS = 100
"""Longer runs of digits are no number: Python refuses to read 4,301 of them."""
_SECTION = 10**4
_LONGEST = max(map(len, TENS | DIGITS))


def korean_values(words: Iterable[str]) -> list[str]:
    """Return the numbers that a run of digits and Korean numerals says, such as `3`, `만`, `3`, `천`: `33000`.

    `두`, `세` ("two or three") is two numbers. Empty where a word is no numeral (`수천`, "thousands").
    """
    values: list[str] = []
    total = section = Decimal()
    digit: Decimal | None = None
    for part in (part for word in words for part in _parts(word)):
        if part is None:
            return []
        if part in SCALES:
            scale = SCALES[part]
            if scale < _SECTION:
                section += (Decimal(1) if digit is None else digit) * scale
            else:
                total, section = total + (section + (digit or Decimal()) or Decimal(1)) * scale, Decimal()
            digit = None
            continue
        if digit is not None:
            values.append(plain(total + section + digit))
            total, section, digit = Decimal(), Decimal(), None
        if part in TENS:
            section += TENS[part]
        else:
            digit = Decimal(DIGITS[part]) if part in DIGITS else Decimal(part.replace(",", ""))
    return [*values, plain(total + section + (digit or 0))]


def is_numeral(token: "Token") -> bool:
    """Return whether Kiwi found a number, or a numeral before its counter (`두`, `두세`, but not `이`, "this")."""
    if len(token.form) > MOST_DIGITS:
        return False
    return token.tag in ("SN", "NR") or (token.tag == "MM" and token.form != "이" and bool(korean_values([token.form])))


def goes_on(before: "Token", token: "Token") -> bool:
    """Return whether a numeral belongs to the one before it: `3만` and `3천` may stand apart, `둘` and `셋` may not."""
    gap = token.start - before.end
    return is_numeral(token) and (gap == 0 or (gap == 1 and before.form[-1] in SCALES))


def known_count(token: "Token") -> tuple[str, str] | None:
    """Return number and unit of a word that Kiwi knows as one: `시월`, `칠월`, `일주일`."""
    if token.form[-1] not in "월일":
        return None
    if token.form in _MONTHS:
        return _MONTHS[token.form], "월"
    match = re.fullmatch("(.+)(월|주일)", token.form) if token.tag.startswith("NN") else None
    numbers = korean_values([match[1]]) if match else []
    return (numbers[0], match[2]) if match and numbers else None


def english_values(words: Iterable[str]) -> list[str]:
    """Return the numbers that a run of digits and English number words says: `two hundred and five` is `205`.

    Words that do not add up are numbers of their own: `ten thirty` is `10` and `30`.
    """
    values: list[str] = []
    total, section, room = Decimal(), Decimal(), 0  # what may still be added to `section` is below `room`
    started = False
    for word in words:
        if word in ENGLISH_SCALES:
            scale = ENGLISH_SCALES[word]
            if scale >= 1000:
                total, section, room = total + (section if started else Decimal(1)) * scale, Decimal(), 1000
            else:
                section, room = (section if started else Decimal(1)) * scale, scale
        else:
            value = _english_value(word)
            if started and not 0 < value < room:
                values.append(plain(total + section))
                total = section = Decimal()
            section += value
            room = 10 if word in ENGLISH_TENS else 0
        started = True
    return [*values, plain(total + section)] if started else values


def plain(number: Decimal | int) -> str:
    """Return a number as digits without leading or trailing zeros."""
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _parts(word: str) -> list[str | None]:
    """Split digits or a Korean numeral into what its number is made of; None stands for what is no numeral."""
    if word[:1].isdecimal():
        return [word]
    word = _ABOUT.get(word, word)
    parts: list[str | None] = []
    while word:
        sizes = range(min(_LONGEST, len(word)), 0, -1)
        known = (word[:size] for size in sizes if any(word[:size] in table for table in (DIGITS, TENS, SCALES)))
        part = next(known, None)
        parts.append(part)
        word = word[len(part or word) :]
    return parts


def _english_value(word: str) -> Decimal:
    for table in (ENGLISH, ENGLISH_TENS, ORDINALS):
        if word in table:
            return Decimal(table[word])
    return Decimal("".join(word.replace(",", "").split()))
