"""Whether a dialogue calls anyone by name, as speakers may be who are labelled `#Person1#`.

Whom a name belongs to stays open. One that is said to someone, by which someone introduces himself, or with a title may
be a speaker's, and a second name for the same person would contradict it; so this finds more names than are speakers'.
"""

import re

from ..prompt.turns import turns_of
from .augment_names import (
    COMMON_KOREAN_NAMES,
    ENGLISH_ROLES,
    ENGLISH_TITLES,
    KOREAN_SURNAME,
    KOREAN_TITLES,
    KOREAN_WORD_NAMES,
)

_FOREIGN_NAMES = """
    존 잭 톰 짐 밥 빌 샘 벤 닉 팀 댄 켄 앤 제인 메리 리사 린다 로라 루시 릴리 헬렌 수잔 낸시 사라 케이트 에밀리 엠마
    앨리스 제니 제니퍼 안나 애나 애슐리 마이크 마이클 피터 폴 프랭크 프레드 조지 제임스 잭슨 데이비드 데이빗 스티브
    스티븐 토니 토마스 마크 마리아 케빈 로버트 윌리엄 앤디 앤드류 알렉스 브라이언 레오 에릭 해리 헨리 찰스 찰리 지미
"""
# Capitalized words that stand alone before a comma, behind a greeting or as what someone is, and are no names.
_NO_ENGLISH_NAMES = """
    A Absolutely After Ah All Alright Also Always And Anything Anyhow Anyway Are As At Awesome Because Before Besides
    Books But By Bye Congratulations Cool Darling Dear Eh Er Even Everything Excellent Excuse Fantastic Fine First God
    Good Goodbye Goodness Gosh Great Gee Ha Hello Her Here Hey Hi Hm Hmm Honey However Huh I If In Indeed Instead Is It
    Just Last Later Let Listen Look Madam Mam Man Maybe Me Miss Mm Mmm Moreover My Nah Never Next Nice No Nonsense Nope
    Not Now Nowadays Of Oh Ok Okay On Oops Or Otherwise Ouch Pardon Passport Perfect Perhaps Please Quick Quite
    Regardless Right Same Say Second See Shh Sign Sir So Some Sometimes Soon Sorry Still Sure Sweetheart Sweetie
    Terrific Thank Thanks That The Then There Therefore These They Third This Though Thus Today Tomorrow Tonight Too
    True Uh Um Very Wait Welcome Well What Whatever When Where Which While Who Why Wonderful Wow Yea Yeah Yep Yes
    Yesterday Yet You Yuck Yup Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April
    May June July August September October November December English French Chinese Japanese Korean German Spanish
    American
"""

_NOT_CALLED = frozenset(_NO_ENGLISH_NAMES.split()) | ENGLISH_ROLES


def _any_of(words: frozenset[str]) -> str:
    return f"(?:{'|'.join(sorted(words, key=lambda word: (-len(word), word)))})"


_GIVEN = _any_of(COMMON_KOREAN_NAMES - KOREAN_WORD_NAMES)
_NAME = rf"(?:{KOREAN_SURNAME}?{_GIVEN}|{KOREAN_SURNAME}{_any_of(COMMON_KOREAN_NAMES)})"
_ADDRESSED = _any_of(frozenset(_FOREIGN_NAMES.split()) | (COMMON_KOREAN_NAMES - KOREAN_WORD_NAMES))
_TITLE = _any_of(frozenset(KOREAN_TITLES) - {"씨"})
_COPULA = "(?:입니다|이에요|예요|이고|인데|이라고|라고|이야|야)"
_KOREAN = re.compile(
    rf"""(?<![가-힣])(?:
        (?:[가-힣]{{2,6}}|{KOREAN_SURNAME})\ 씨(?![가-힣]{{3}})                     # 톰 스미스 씨, 양 씨
        |{_NAME}\ ?[씨님양군](?![가-힣]{{3}})
        |{KOREAN_SURNAME}[가-힣]{{2}}\ 님
        |(?![이전현신주원]\ )(?!주차장|조사원|고사장|이사장){KOREAN_SURNAME}\ ?{_TITLE}(?![가-힣]{{3}})
        |[이전현신주원]\ {_TITLE}님                                                  # `이 작가` is this one
        |(?:{_NAME}|{_ADDRESSED})\ ?{_TITLE}
        |(?:미스터|미스|미세스|닥터)\ [가-힣]
        |{_GIVEN}[아야](?![가-힣])
        |(?:{KOREAN_SURNAME}{_any_of(COMMON_KOREAN_NAMES)}|(?:저는|전|나는|난|여기)\ {_ADDRESSED}){_COPULA}
        |이름[은이]\ {_ADDRESSED}
        |(?:저는|전|제가|나는|난)\ [가-힣]{{1,5}}라고\ (?:합니다|해)|[가-힣]라고\ 불러\ ?[주줘]
        |{_ADDRESSED},
    )|,\ {_ADDRESSED}[.,!?~]""",
    re.VERBOSE,
)
_ENGLISH_TITLED = re.compile(rf"\b(?:{'|'.join(ENGLISH_TITLES)})\b\.? [A-Z][a-z]")
_ENGLISH = re.compile(
    r"(?:\b[Mm]y name(?:'s| is)|\b[Cc]all me|\b[Tt]his is|\b[Ii]t's|\bI'm|\bI am|\b[Aa]re you"
    r"|\b(?:[Hh]i|[Hh]ello|[Hh]ey|[Dd]ear|[Tt]hanks|[Tt]hank you|[Ss]orry|[Bb]ye|[Mm]orning|[Aa]fternoon|[Ee]vening),?"
    r") (?P<told>[A-Z][a-z]+)|(?P<spoken>[A-Z][a-z]+) (?:speaking|here)\b"
    r"|, (?P<last>[A-Z][a-z]+)(?=[.,!?])|(?:^|[.!?] )(?P<first>[A-Z][a-z]+)(?=, )"
)


def calls_someone(dialogue: str) -> bool:
    """Return whether anyone is called by name in what is said, behind the speakers' labels."""
    return any(_is_called(text) for _, text in turns_of(dialogue))


def _is_called(text: str) -> bool:
    if _KOREAN.search(text) or _ENGLISH_TITLED.search(text):
        return True
    names = [match[match.lastgroup or 0] for match in _ENGLISH.finditer(text)]
    return any(name not in _NOT_CALLED and not name.endswith("ly") for name in names)
