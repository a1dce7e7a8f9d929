"""The language of a page: the cookie's, else the one that the browser asks for first."""

from collections.abc import Callable
from typing import Literal

from ..bilingual import Text, korean
from ..commands.speech import in_korean

PageLanguage = Literal["en", "ko"]
LANGUAGE_COOKIE = "yoyak_language"


def language_of(cookie: str | None, accepted: str) -> PageLanguage:
    """Return the language of a request.

    Args:
        cookie: what the user has chosen, if anything.
        accepted: `Accept-PageLanguage`; of two languages, the first that is spoken here counts.
    """
    if cookie in ("en", "ko"):
        return "ko" if cookie == "ko" else "en"
    for part in accepted[:200].split(","):
        tag = part.partition(";")[0].strip().lower().partition("-")[0]
        if tag in ("en", "ko"):
            return "ko" if tag == "ko" else "en"
    return "en"


def pair_chooser(language: PageLanguage) -> Callable[[str, str], str]:
    """Return what templates call as `t("English", "한국어")`."""
    return (lambda _, other: other) if language == "ko" else (lambda english, _: english)


def sayer(language: PageLanguage) -> Callable[[str | None], str]:
    """Return what gives a text in the language: a pair's half, or that of the command line's sentence."""

    def say(text: str | None) -> str:
        if text is None:
            return ""
        if language == "en":
            return str(text)
        return korean(text) if isinstance(text, Text) else in_korean(text)

    return say
