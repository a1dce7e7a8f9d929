"""Sentences in English and Korean, written side by side where they are made."""

import re
from collections.abc import Iterable

RIEUL = 8
"""The number of the final consonant ㄹ, behind which 으로 is 로."""
_FINALS = 28  # of a Hangul syllable, none among them
# 영, 일, 이, 삼, ...; l, m and n, as a word ends with them.
_FINALS_OF = dict(zip("0123456789lmn%", (21, 8, 0, 16, 0, 0, 1, 8, 8, 0, RIEUL, 16, 4, 0), strict=True))
_FINALS_OF_NAMES = {"L": RIEUL, "M": 16, "N": 4, "R": RIEUL}
"""Of capital letters as they are called (엘, 엠, 엔, 알); the others end in a vowel."""
_VOWEL = re.compile("(?:[adfiosuvwxyz]|[aeo]r|txt)$")
"""Ends of words that are read with a vowel: data, word, gguf, steps, trainer. Of others (name, true) none can tell."""


_MADE: dict[str, str] = {}
_MOST_MADE = 10_000


class Text(str):
    """A text in English, as which it is used everywhere, with its other half beside it for who shows both."""

    ko: str

    def __new__(cls, en: str, ko: str) -> "Text":
        """Pair the two halves."""
        text = super().__new__(cls, en)
        text.ko = ko
        if en != ko and len(_MADE) < _MOST_MADE:
            _MADE[str(en)] = ko
        return text

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Return what a copy is made from."""
        return str(self), self.ko


def half_of(text: str) -> str | None:
    """Return the Korean half of a pair that was made in this process, as a sentence that quotes it has it."""
    return _MADE.get(text)


def korean(text: str) -> str:
    """Return the Korean half of a pair; what is no pair (a name, a number) says the same in both languages."""
    return text.ko if isinstance(text, Text) else text


def halves(name: str, text: str | None) -> dict[str, str | None]:
    """Return a text by its name, as records keep it, and its Korean half, if it has one, by the name with `_ko`."""
    return {name: text} | ({f"{name}_ko": text.ko} if isinstance(text, Text) else {})


def joined(parts: Iterable[str], between: str = ", ") -> Text:
    """Return pairs, names and numbers as one pair."""
    listed = list(parts)
    return Text(between.join(listed), between.join(map(korean, listed)))


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number and its noun in English: `1 dialogue`, `1,200 dialogues`; a verb may follow: `1 row is`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def final_of(word: str) -> int | None:
    """Return the final consonant that a word is read with, as Unicode numbers them, 0 for none; None if unknown.

    Numbers end as their last digit does: 0.1.2 with 이, 10 (십) with a consonant as 0 (영).
    """
    word = word.rstrip(")]\"'’”`")
    last = word[-1:]
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % _FINALS
    if "A" <= last <= "Z":
        return _FINALS_OF_NAMES.get(last, 0)
    return 0 if _VOWEL.search(word) else _FINALS_OF.get(last)


def particle(word: str, after_consonant: str, after_vowel: str) -> str:
    """Return the form of a particle that fits behind a word: `particle("모델", "이", "가")` is 이.

    Behind ㄹ, 으로 is 로 (서울로). Where the word's reading is not known, both are named: 이(가), (으)로.
    """
    final = final_of(word)
    if final is None:
        both = after_consonant.removesuffix(after_vowel)
        return f"({both}){after_vowel}" if both != after_consonant else f"{after_consonant}({after_vowel})"
    vowel = final == 0 or (final == RIEUL and after_consonant == "으로")
    return after_vowel if vowel else after_consonant
