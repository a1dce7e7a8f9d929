"""Korean particles behind a name: recognizing them, and giving them the form that another name needs.

Many have two forms, one after a syllable with a final consonant and one after a vowel: 수민은, 민서는. 으로 is 로 after
a vowel and after ㄹ: 수민으로, 하율로. In speech a name with a final consonant also takes an 이 that is no particle
(수민이는, 수민이한테); one without never does (민서는).
"""

import re
from typing import Literal

from ...bilingual import RIEUL, final_of

Ending = Literal["vowel", "consonant"]


def _words(text: str) -> list[str]:
    return text.split()


_TO_VOWEL = {
    **{"은": "는", "이": "가", "을": "를", "과": "와", "아": "야", "으로": "로", "이에요": "예요", "이었": "였"},
    **{f"이{rest}": rest for rest in _words("랑 나 라 라고 라는 라면 라서 라도 란 며 든 든지 죠 니까")},
}
_TO_CONSONANT = {after_vowel: after_consonant for after_consonant, after_vowel in _TO_VOWEL.items()}
_SAME = _words(
    """
    의 도 만 요 에게 에게서 한테 한테서 더러 께 께서 까지 부터 보다 처럼 만큼 마저 조차 밖에 하고 에 에서 씨 님 군 양 쪽
    뿐 네 들 인 인데 인가 입니다 입니까 이다
    """
)
_BEHIND_OTHERS = _words("은 는 이 가 을 를 과 와 로 으로 서 써 나 어요 다 습니다")
_BEHIND_NICK = _words("는 가 를 랑 와 야 나 한테 에게 도 만 의 네 께 까지 부터 보다 처럼 하고")


def _any_of(*forms: str) -> str:
    return "|".join(sorted(set(forms), key=len, reverse=True))


_NICK = rf"이(?={_any_of(*_BEHIND_NICK)})"
_FIRST = _any_of(*_TO_VOWEL, *_TO_CONSONANT, *_SAME)
_REST = rf"(?:{_any_of(*_SAME, *_BEHIND_OTHERS)})*(?![가-힣])"

PARTICLES = rf"(?:{_NICK})?(?:{_FIRST})?{_REST}"
"""Pattern of all that may follow a name or title up to the end of the word."""

NAME_PARTICLES = rf"(?P<nick>{_NICK})?(?P<first>{_FIRST})?(?P<rest>{_REST})"
"""The same in parts: `nick`, the 이 that is no particle, `first`, whose form hangs on the name, and what follows."""


def ending_of(name: str) -> Ending:
    """Return how a name ends that is written in Hangul."""
    return "consonant" if final_of(name) else "vowel"


def needed_ending(match: re.Match[str]) -> Ending | None:
    """Return how a new name must end where a particle would not tell its meaning: None where any name will do.

    수민이 is 수민 and a subject's particle, or the 이 of speech; 민서야 calls 민서, or says who it is. Such a form is
    right again behind a name that ends in the same way.
    """
    if match["nick"] or match["rest"]:
        return None
    return {"이": "consonant", "야": "vowel"}.get(match["first"] or "")  # type: ignore[return-value]


def with_particles(name: str, match: re.Match[str]) -> str:
    """Return `name`, in Hangul, with the particles of a match of `NAME_PARTICLES` in the form that it asks for."""
    nick, first, rest = match["nick"] or "", match["first"] or "", match["rest"]
    vowel, rieul = ending_of(name) == "vowel", final_of(name) == RIEUL
    if nick:  # what follows it has the form behind a vowel already
        return name + ("" if vowel else nick) + first + rest
    if vowel or (rieul and first in ("으로", "로")):
        return name + _TO_VOWEL.get(first, first) + rest
    return name + _TO_CONSONANT.get(first, first) + rest
