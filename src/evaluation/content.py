"""What a Korean sentence says: its morphemes without grammar, numbers by their value.

Counted are nouns, pronouns, numerals, verbs, adjectives, adverbs, roots, prefixes, foreign words, and the few
particles, endings and auxiliaries without which another thing is said: `안` and `못` (also as `지 않다`, `지 못하다`),
`만`, `도`, `부터`, `까지`, `에서`, `에게`, whom something is done to (`민수를`), must (`어야`), if (`면`), will (`겠`,
`을 것`, `기로`, `려고`) and would (`싶`). Not counted are all others, bound nouns (`것`, `수`), and `하다` and `되다`.

A number is one token whatever writes it (`오만`, `5만`, `50,000`), its unit another (`%` for `퍼센트`).
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .numerals import goes_on, is_numeral, known_count, korean_values
from .units import PEOPLE

if TYPE_CHECKING:
    from kiwipiepy import Token

# Prefixes of Kiwi's tags, since irregular verbs and adjectives have a suffix (VV-I).
_TAGS = ("NN", "NP", "NR", "VV", "VA", "VCN", "MM", "MAG", "IC", "XR", "XPN", "SL", "SH", "SN", "W_")
_BOUND_NOUNS = frozenset(
    ("것", "거", "수", "줄", "데", "바", "지", "뿐", "채", "듯", "리", "터", "척", "체", "때문", "만큼")
)
_LIGHT_VERBS = frozenset(("하", "되"))
_SAID_OTHERWISE = {
    **{("MAG", word): word for word in ("안", "못")},
    **{("VX", word): said for word, said in (("않", "안"), ("못하", "못"), ("말", "말"), ("싶", "싶"))},
    **{("JX", word): word for word in ("만", "도", "부터", "까지", "밖에", "마다", "조차")},
    **{("JKB", word): word for word in ("에서", "보다")},
    **{("JKB", word): "에게" for word in ("에게", "한테", "께")},
    **{("JKB", word): "에게서" for word in ("에게서", "한테서")},
    **{("EC", word): "어야" for word in ("어야", "아야", "여야")},
    **{("EC", word): "면" for word in ("면", "으면")},
    **{("EC", word): "려고" for word in ("려고", "으려고")},
    ("EP", "겠"): "겠",
}
_UNITS = {"퍼센트": "%", "프로": "%", "킬로그램": "kg", "킬로": "kg", "킬로미터": "km", "센티미터": "cm", "리터": "l"}
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def content_forms(tokens: "Sequence[Token]") -> Iterator[str]:
    """Yield the forms that count, in the order of the text."""
    index = 0
    while index < len(tokens):
        token, index = tokens[index], index + 1
        if known := known_count(token):
            yield from known
        elif is_numeral(token):
            start = index - 1
            while index < len(tokens) and goes_on(tokens[index - 1], tokens[index]):
                index += 1
            run = tokens[start:index]
            words = [piece for part in run for piece in (_NUMBER.findall(part.form) or [part.form])]
            yield from korean_values(words) or (part.form for part in run)
            if index < len(tokens) and tokens[index].start <= run[-1].end + 1:
                counter = tokens[index]
                if counter.tag[:2] in ("NN", "SW", "SL") or counter.form in _UNITS:
                    index += 1
                    yield _UNITS.get(counter.form, counter.form)
                    if counter.form == "시" and index < len(tokens) and tokens[index].form == "반":
                        index += 1
                        yield from ("30", "분")
        elif (said := _said(tokens, index - 1)) is not None:
            yield said


def _said(tokens: "Sequence[Token]", place: int) -> str | None:
    """Return how a morpheme counts; None where it does not."""
    token = tokens[place]
    before = tokens[place - 1] if place else token
    said = _SAID_OTHERWISE.get((token.tag, token.form))
    if said is not None:
        return said
    if token.tag == "JKO":
        return "를" if before.tag in ("NNP", "NP") or before.form in PEOPLE or before.form in ("님", "들") else None
    if token.form == "로" and before.tag == "ETN":
        return "기로"
    if token.form in ("것", "거") and before.tag == "ETM" and before.form in ("ᆯ", "을"):
        return "겠"
    if token.tag == "NNB" and token.form in _BOUND_NOUNS:
        return None
    if token.tag.startswith("VV") and token.form in _LIGHT_VERBS:
        return None
    return token.form if token.tag.startswith(_TAGS) else None
