"""Names in Korean and English text.

In Korean text they are Kiwi's proper nouns but food, law, languages and the like; given names that are known to be
names, and what stands where only a name does, also where Kiwi does not know it (`지은이가`, `준수네`); surnames with a
title (`최 대리`); and capitalized Latin words. In English text they are capitalized words; at the start of a sentence
only those that no text of the set has in lower case.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ..data.tools.augment_names import (
    COMMON_KOREAN_NAMES,
    KOREAN_SURNAMES,
    KOREAN_TITLES,
    KOREAN_WORD_NAMES,
    LONG_KOREAN_SURNAMES,
)
from .tokenizations import PLACEHOLDER
from .units import MONTHS, WEEKDAYS

if TYPE_CHECKING:
    from kiwipiepy import Token

# Words of any script but Hangul, whose particles stand without a space behind a Latin name too (`Mark는`).
_LETTER = r"[^\W\d_\uac00-\ud7a3]"
WORD = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*")
_PIECE = re.compile(rf"(?P<stop>[.!?:;\n\"“”]+)|(?P<word>{WORD.pattern})")
_CONTRACTION = re.compile(r"['’](?:s|ve|re|ll|d|m)$", re.IGNORECASE)
_TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam", "st"))
_NO_NAMES = _TITLES | {"i", "ok", "mom", "dad", "ma'am", "y'all"} | {day.casefold() for day in (*WEEKDAYS, *MONTHS)}
# What starts sentences often, for sets that are too small to hold it in lower case somewhere.
_STARTERS = """
a after all also although am an and another anyway are as at because before both but by can could did do does during
each even every finally first five for four from had has have he hello her here hey hi his hmm how however if in is it
its just later let many maybe most must my no nope not now oh okay on one only or other others our people perhaps
please several shall she should since so some somebody someone sorry still sure thank thanks that the their then there
these they this those though three to two under until was we well were what when where whether which while who why
with without would wow yeah yep yes yet you your
"""
STARTERS = frozenset(_STARTERS.split())
_ENDINGS = ("ing", "ed", "ly")
_DERIVED = ("s", "n", "an", "ian", "ese", "ish")  # American, Canadian, Japanese
_SHORTEST_STEM = 4

_PARTICLES = "이|가|은|는|을|를|의|로|도|와|과|만|야|아|랑|이랑|네|이네|이가|이는|씨|님"
_PARTICLE = re.compile(f"(?:{_PARTICLES})$")
_PERSONAL = (
    "아|야|랑|네(?:에서|에|로|는|가|랑|도|의)?|한테|에게|께서?|씨[는가의도]?|님[은이의도]?"
    "|이(?:가|는|를|도|와|의|만|랑|네|한테|에게)"
)
_AFTER_NAMES = ("가", "는", "를", "에게", "한테", "네", "와", "도", "의")
_ADDRESSED = re.compile(r"(?<![가-힣])([가-힣]{2,4})\s씨(?=[\s,.!?는가의도와를에께]|$)")
# What Kiwi calls proper nouns and names no one, no place and no firm: languages, dishes, contracts, loanwords.
_NO_KOREAN_NAMES = re.compile(
    "(?:[가-힣]어|금|면|탕|찌개|볶음|구이|김치|라떼|치노|커피|주스|증명|일자|보험|학습|소송|계약|견|오일|타이어|서비스|다이빙|체크인|아웃|"
    "토익|토플|마카롱|코로나|스케일링|와이파이|블루투스|태블릿|엑셀|토너|원피스|발렌타인|할로윈|필라테스|하이패스|햄스터|말티즈|스노|"
    "스타일링|타이레놀|욜|욜날)$"
)
_NOT_BEFORE_TITLES = frozenset("이전현신주원")  # `이 대표` is this one, `전 대표` a former one
_SURNAME = "|".join((*LONG_KOREAN_SURNAMES, *(KOREAN_SURNAMES - _NOT_BEFORE_TITLES)))
_TITLED = re.compile(rf"(?<![가-힣])(?P<surname>{_SURNAME})\s?(?P<title>{'|'.join(KOREAN_TITLES[:-1])})")


def lowercase_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the words that occur in lower case somewhere: at the start of a sentence they are no names."""
    words = {word for text in texts for word in WORD.findall(text) if word.islower()}
    return STARTERS | set(map(uncontracted, words))


def uncontracted(word: str) -> str:
    """Return `They've` as `They`, `Tom's` as `Tom`; `O'Brien` and `Don't` stay, with a plain apostrophe."""
    return word if word.isalpha() else _CONTRACTION.sub("", word).replace("’", "'")


def has_korean_name(text: str, name: str) -> bool:
    """Return whether a text without spaces has a name, which may end in a particle (`유빈이`) that the text lacks.

    A surname with a title is held by the whole name with it too: `김 과장` by `김민수 과장`.
    """
    bare = _PARTICLE.sub("", name) if len(name) > 2 else name
    if name in text or bare in text:
        return True
    titled = _TITLED.fullmatch(name)
    return titled is not None and bool(re.search(rf"{titled['surname']}[가-힣]{{1,2}}{titled['title']}", text))


def has_english_name(words: Iterable[str], name: str) -> bool:
    """Return whether one of a text's words is the name, or the country or family of a derived one."""
    stems = [name.removesuffix(ending) for ending in _DERIVED if name.endswith(ending)]
    stems = [stem for stem in stems if len(stem) >= _SHORTEST_STEM]
    return name in words or any(word.startswith(stem) for stem in stems for word in words)


def korean_names(text: str, tokens: "Sequence[Token]") -> list[str]:
    """Return the names of a Korean text."""
    names = [match.group() for match in _TITLED.finditer(text)]
    for index, token in enumerate(tokens):
        if token.tag == "SL":
            words = [uncontracted(word) for word in WORD.findall(token.form)]
            names += [word for word in words if word[0].isupper() and len(word) > 1 and not _is_common(word)]
        elif token.tag == "NNP" and not token.form.startswith("#"):
            given = tokens[index + 1] if index + 1 < len(tokens) else token
            if len(token.form) > 1:
                names += [] if _NO_KOREAN_NAMES.search(token.form) else [token.form]
            elif (
                token.form in KOREAN_SURNAMES
                and given.start == token.end
                and given.tag == "NNG"
                and len(given.form) == 2
            ):
                names.append(token.form + given.form)
    names += _called(tokens) + _ADDRESSED.findall(text) + _known_name().findall(text)
    return [name for place, name in enumerate(names) if not any(name in other for other in names[:place])]


def _called(tokens: "Sequence[Token]") -> list[str]:
    """Return given names of two syllables that Kiwi does not know, by what follows a person's name: `석진이가`."""
    names = []
    for end in range(1, len(tokens) - 1):
        start = end - 1 if len(tokens[end - 1].form) == 2 else end - 2
        ending, particle = tokens[end], tokens[end + 1]
        stem = tokens[max(start, 0) : end]
        form = "".join(token.form for token in stem)
        if (
            len(form) != 2
            or not all(token.tag[:2] in ("NN", "MM", "NR") for token in stem)
            or ending.start != stem[0].start + 2
        ):
            continue
        known = len(stem) == 1
        suffixed = ending.form == "이" and (ending.tag == "XSN" or (not known and ending.tag == "JKS"))
        if start > 0 and tokens[start - 1].end == stem[0].start:
            continue
        if (suffixed and particle.start == ending.end and particle.form in _AFTER_NAMES) or (
            not known and ending.form in ("에게", "한테")
        ):
            names.append(form)
    return names


@cache
def _known_name() -> re.Pattern[str]:
    """Return the pattern of known given names before what only a person's name takes."""
    given = "|".join(sorted(COMMON_KOREAN_NAMES - KOREAN_WORD_NAMES))
    return re.compile(rf"(?<![가-힣])((?:{given}))(?=\s?(?:{_PERSONAL})(?![가-힣]))")


def _is_common(word: str) -> bool:
    """Return whether a capitalized word is no name wherever it stands."""
    return word.casefold() in _NO_NAMES or word.casefold().endswith("n't")


def english_names(text: str, lowercase: frozenset[str]) -> list[str]:
    """Return capitalized words, those beside each other as one name."""
    names: list[str] = []
    starts, last_end, before = True, -2, ""
    for piece in _PIECE.finditer(PLACEHOLDER.sub(lambda place: "_" * len(place.group()), text)):
        if piece["stop"]:
            starts = starts or before not in _TITLES or piece["stop"] != "."
            continue
        word = uncontracted(piece["word"])
        before, starts, may_be_common = word.casefold(), False, starts
        if not word[0].isupper() or _is_common(word):
            continue
        if may_be_common and (before in lowercase or before.endswith(_ENDINGS)):
            continue
        if names and piece.start() == last_end + 1:
            names[-1] += f" {word}"
        else:
            names.append(word)
        last_end = piece.end()
    return names
