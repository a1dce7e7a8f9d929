"""Which speakers of a dialogue can be given another name, and where their names stand in its text.

A speaker is left alone where a replacement could be wrong: roles (`Clerk`, `엄마`), names that the text also uses as a
word (`Will`, `하나`), parts of longer names, nicknames, and forms that no rule here explains.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..prompt.turns import LABEL, speakers_of
from .augment_called import calls_someone
from .augment_names import (
    COMMON_KOREAN_NAMES,
    ENGLISH_ROLES,
    ENGLISH_TITLES,
    ENGLISH_WORD_NAMES,
    KOREAN_SURNAME,
    KOREAN_TITLES,
    KOREAN_WORD_NAMES,
    LONG_KOREAN_SURNAMES,
)
from .augment_particles import NAME_PARTICLES, PARTICLES, Ending, needed_ending

_HANGUL = re.compile(r"[가-힣]")
_PLACEHOLDER = re.compile(r"#[^#\s]+#|(?:Speaker|Person|User|화자|참석자|참가자) ?\d+")
_KOREAN_NAME = re.compile(rf"(?P<surname>{KOREAN_SURNAME})?(?P<given>[가-힣]{{2}})(?: (?:{'|'.join(KOREAN_TITLES)}))?")
_KOREAN_TITLED = re.compile(rf"(?P<surname>{KOREAN_SURNAME}) (?P<title>{'|'.join(KOREAN_TITLES)})")
_ENGLISH_TITLED = re.compile(rf"(?P<title>{'|'.join(ENGLISH_TITLES)})\.? (?P<surname>[A-Z][^\W\d_]+)")
_ENGLISH_NAME = re.compile(r"(?P<given>[A-Z][^\W\d_A-Z]+)(?: (?P<surname>[A-Z][^\W\d_]+))?")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORD_START = r"(?<![\w@/])(?<!\w-)"
_WORD_END = r"(?![\w@]|-\w)"


class Unclear(Exception):
    """A speaker that is left as it is, and why."""


@dataclass(frozen=True)
class Speaker:
    """A speaker who can be renamed.

    Attributes:
        label: the name before the colon.
        kind: whether a given name, a surname before or behind a title, or a placeholder (`#Person1#`) is replaced.
        old: what is replaced.
        pattern: matches where it stands; with Hangul around, particles too, as `NAME_PARTICLES` has them.
        ending: how the new name must end, None where any name will do.
    """

    label: str
    kind: Literal["given", "surname", "placeholder"]
    old: str
    pattern: re.Pattern[str]
    ending: Ending | None = None


def is_korean(text: str) -> bool:
    """Return whether a text holds Hangul."""
    return bool(_HANGUL.search(text))


def find_speakers(dialogue: str, summary: str) -> tuple[list[Speaker], dict[str, str]]:
    """Return the speakers who can be renamed, in the order in which they first speak, and why others cannot, by label.

    Placeholders are renamed all or none, and only where each has a turn, the summary uses each and nobody is called by
    name: else the speaker may have a name, which a second one would contradict.
    """
    turns = Counter(speakers_of(dialogue))
    text = f"{dialogue}\n{summary}"
    speakers, unclear = [], {}
    for label, count in turns.items():
        try:
            speakers.append(_speaker(label, count, text, summary))
        except Unclear as reason:
            unclear[label] = str(reason)
    placeholders = [label for label in turns if _PLACEHOLDER.fullmatch(label)]
    kinds = {re.sub(r"\d", "", label) for label in placeholders}
    called = bool(placeholders) and calls_someone(dialogue)
    silent = {name for name in _PLACEHOLDER.findall(text) if re.sub(r"\d", "", name) in kinds} - turns.keys()
    if called or silent or unclear.keys() & set(placeholders):
        why = "another placeholder stays"
        if silent:
            why = f"{min(silent)} is in the text and has no turn"
        elif called:
            why = "the dialogue calls someone by name"
        unclear |= {label: unclear.get(label, why) for label in placeholders}
        speakers = [speaker for speaker in speakers if speaker.kind != "placeholder"]
    return speakers, unclear


def _speaker(label: str, turns: int, text: str, summary: str) -> Speaker:
    if _PLACEHOLDER.fullmatch(label):
        if label not in summary:
            raise Unclear("the summary does not use the label")
        return _placeholder(label, text)
    if is_korean(label):
        if match := _KOREAN_TITLED.fullmatch(label):
            return _korean_titled(label, match, text)
        match = _KOREAN_NAME.fullmatch(label)
        given = next((name for name in _givens(label, match) if _is_korean_name(name, text)), None)
        if given is None:
            raise Unclear("not known to be a name")
        return _korean_given(label, given, text)
    if match := _ENGLISH_TITLED.fullmatch(label):
        return _english(label, "surname", match["surname"], text, summary)
    match = _ENGLISH_NAME.fullmatch(label)
    if not match or {match["given"], match["surname"]} & ENGLISH_ROLES:
        raise Unclear("not a name")
    alone = rf"{_WORD_START}{match['given']}{_WORD_END}(?! {match['surname'] or ' '})"
    others = len(re.findall(alone, text)) - (0 if match["surname"] else turns)
    if others < 1 and (turns < 2 or match["surname"]):
        raise Unclear("not known to be a name")
    return _english(label, "given", match["given"], text, summary)


def _placeholder(label: str, text: str) -> Speaker:
    pattern = re.compile(_edge(label, r"(?<!\w)") + re.escape(label) + NAME_PARTICLES + _edge(label, r"(?!\w)"))
    matches = list(pattern.finditer(text))
    if len(matches) < text.count(label):
        raise Unclear("a form behind it is not known")
    calls = any(match["first"] == "야" and not match["rest"] for match in matches)
    return Speaker(label, "placeholder", label, pattern, "vowel" if calls else None)


def _edge(label: str, assertion: str) -> str:
    return "" if label.startswith("#") else assertion


def _givens(label: str, match: re.Match[str] | None) -> Iterator[str]:
    """Yield what may be the given name of a label: 민수 of 민수, 김민수, 남궁민수, 김민수 대리; one of 서하준.

    None of 남궁민 and 황보라, which may have a surname of one syllable or of two.
    """
    if len(label.partition(" ")[0]) == 3 and label.startswith(LONG_KOREAN_SURNAMES):
        return
    if match:
        yield match["given"]
    if re.fullmatch(r"[가-힣]{3}", label):
        yield label


def _is_korean_name(name: str, text: str) -> bool:
    """Return whether a name is known, or the text treats it as one: 재윤 씨, 재윤아, 재윤이는."""
    if name in COMMON_KOREAN_NAMES:
        return True
    treated = (
        rf"(?<![가-힣]){KOREAN_SURNAME}?{name}(?: ?씨(?![가-힣]*[가-힣]{{3}})|아[,!~]|이(?:는|가|를|한테)(?![가-힣]))"
    )
    return bool(re.search(treated, text))


def _korean_given(label: str, given: str, text: str) -> Speaker:
    # A surname before the name stays; a look behind is of one length.
    one, two = KOREAN_SURNAME.rstrip(")").rpartition("|")[2], "|".join(LONG_KOREAN_SURNAMES)
    start = rf"(?:(?<![가-힣\w])|(?<=(?<![가-힣\w]){one})|(?<=(?<![가-힣\w])(?:{two})))"
    pattern = re.compile(rf"{start}{given}{NAME_PARTICLES}")
    matches = list(pattern.finditer(text))
    unknown = [one[0] for one in re.finditer(rf"{start}{given}[가-힣]*", text) if not pattern.match(text, one.start())]
    if unknown:
        raise Unclear(f"the form {unknown[0]} is not known")
    if given in KOREAN_WORD_NAMES and len(matches) > len(_label_matches(pattern, text)):
        raise Unclear("it is an ordinary word too")
    endings = {ending for match in matches if (ending := needed_ending(match))}
    if len(endings) > 1:
        raise Unclear("no name fits all its particles")
    return Speaker(label, "given", given, pattern, endings.pop() if endings else None)


def _korean_titled(label: str, match: re.Match[str], text: str) -> Speaker:
    surname, title = match["surname"], match["title"]
    start = rf"(?<![가-힣\w]){surname}"
    if full := re.search(rf"{start}[가-힣]{{2}} ?{title}", text):
        raise Unclear(f"{full[0]} may be the same person")
    # Not 김대리점: the title, too, is a whole word. No particle follows the surname.
    pattern = re.compile(rf"{start}(?= ?{title}(?:님)?{PARTICLES})")
    if len(pattern.findall(text)) < len(re.findall(rf"{start} ?{title}", text)):
        raise Unclear(f"a form of {label} is not known")
    return Speaker(label, "surname", surname, pattern)


def _label_matches(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    spans = [label.span("name") for label in LABEL.finditer(text)]
    return [match for match in pattern.finditer(text) if any(low <= match.start() < high for low, high in spans)]


def _english(label: str, kind: Literal["given", "surname"], name: str, text: str, summary: str) -> Speaker:
    korean = is_korean(text)
    end = rf"(?![A-Za-z0-9_@]|-\w){NAME_PARTICLES}" if korean else _WORD_END
    pattern = re.compile(rf"{_WORD_START}{name}{end}")
    matches = list(pattern.finditer(text))
    if len(matches) < len(re.findall(rf"{_WORD_START}{name}(?![A-Za-z0-9_@]|-\w)", text)):
        raise Unclear("a form behind it is not known")
    if korean and any(match["first"] == "야" and not match["rest"] for match in matches):
        raise Unclear("no name fits all its particles")
    if re.search(rf"{_WORD_START}(?:{name.lower()}|{name.upper()}){_WORD_END}", text):
        raise Unclear("the text has it in small or capital letters too")
    if name in ENGLISH_WORD_NAMES and _may_be_a_word(name, pattern, text, summary):
        raise Unclear("it is an ordinary word too")
    _refuse_other_names(label, name, text)
    return Speaker(label, kind, name, pattern)


def _may_be_a_word(name: str, pattern: re.Pattern[str], text: str, summary: str) -> bool:
    in_dialogue = len(pattern.findall(text)) - len(pattern.findall(summary)) - len(_label_matches(pattern, text))
    before = r"(?:in|of|on|by|for|until|since|the|a|an|next|last|this|every)"
    return in_dialogue > 0 or bool(re.search(rf"\b{before} {name}\b", summary))


def _refuse_other_names(label: str, name: str, text: str) -> None:
    """Raise where the name is part of another name (Thomas Edison, St. Thomas), or has a short form (Tom)."""
    own = set(label.replace(".", "").split())
    behind = re.findall(rf"{_WORD_START}{name} ([A-Z][a-z]+)", text)
    before = re.findall(rf"(?<=[\w,;] )(St\.|[A-Z][a-z]+) {name}{_WORD_END}", text)
    longer = {*behind, *before} - own - {*ENGLISH_TITLES, *_DAYS}
    if longer:
        raise Unclear(f"it may be part of another name, with {min(longer)}")
    words = set(re.findall(r"(?<!\w)[A-Z][a-z]{2,}(?!\w)", text)) - own
    short = [word for word in words if len(name) > 2 and (word.startswith(name) or name.startswith(word))]
    if short:
        raise Unclear(f"{min(short)} may be the same person")
