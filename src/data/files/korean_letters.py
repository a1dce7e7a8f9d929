"""Whether text that was decoded as CP949 is Korean by its letters: other encodings' bytes are valid CP949 too.

In Windows-1252 an apostrophe (0x92) and the letter behind it are one rare syllable of CP949 (`can뭪` for "can't"),
and most Chinese and Japanese text decodes to a mixture of hanja, rare syllables and kana. Korean text consists of
common syllables: the 400 below are 95% of the 615,000 syllables of 2,500 Korean DialogSum rows, and at least 67% of
those of any dialogue, summary or opening turn in the shipped samples.
"""

import re

LEAST_COMMON_SHARE = 0.35
"""Of a text's letters that are not ASCII, where there are at least FEWEST_LETTERS: Korean dialogues have 0.55 and more,
Chinese and Japanese ones that were decoded as CP949 0.25 and less."""
LEAST_SYLLABLE_SHARE = 0.5
"""Of any text's letters: the syllables of KS X 1001, common or not."""
FEWEST_LETTERS = 8

_COMMON = (
    "가각간갈감갔강같개객거걱건걸검것게겠겨격결경계고곳공과관광괜교구국군권그근금급기긴길까께꽤끔끝나난날"
    "남내냥너네녀녁년녕노누뉴느는늘능늦니님다단달담당대더던데도돈돌동돼됐되된될됩두둘드든듣들등디따때떠떤"
    "떻또라락람랑래러런럼럽렇레려력렸로록론료루류르른를름리린릴립마막만많말망맞매머먹먼멋메며면명몇모목몰"
    "못무문물뭐미믿바박반받발밤방배버번법변별보복본볼봐봤부분불브블비빠빨사산살상새색생서석선설성세셔셨소"
    "속손송수술쉬스슨습시식신실심싶싸써쓰씀씨아악안않알았애야약양얘어언얼엄업없엇었에엔여역연열였영예오온"
    "올옷와완왔왜외요용우운울움워원월위유으은을음응의이인일읽임입있자작잖잘잠잡장재저적전절점접정제져졌조"
    "족좀종좋좌죄죠주준줄중줘즈즐즘증지직진질집짜쪽찍차착찮참찾책처천청체초최추출충치친침카커컴케켓코크큰"
    "키타탁태택터테텔토통트특티파판편평포표품퓨프피필하학한할함합항해했행향험현호혼화확환활회획후휴희히힘"
)
_COMMON_SYLLABLE = re.compile(f"[{_COMMON}]")
# Letters of KS X 1001 and its extension: syllables, hanja, kana, Greek, Cyrillic, and jamo that nobody writes alone
# (hiragana of EUC-JP). Usual single jamo (ㅋㅋ, ㅠㅠ) and signs say nothing.
_LETTER = re.compile("[가-힣ㄳㄵㄶㄺ-ㅀㅄㅥ-ㆎ\u4e00-\u9fff\uf900-\ufaff\u3041-\u30ff\u0370-\u04ff]")
_SYLLABLE = re.compile("[가-힣]")
_WITHIN_A_WORD = re.compile("(?<=[A-Za-z])[가-힣](?=[A-Za-z])")


def is_rare(syllable: str) -> bool:
    """Return whether a syllable is outside the 2,350 of KS X 1001, and so nearly absent from Korean text."""
    lead, trail = syllable.encode("cp949")
    return lead < 0xB0 or trail < 0xA1


class KoreanLetters:
    """Counts of a text's letters, added line by line.

    Attributes:
        letters: how many letters there are that are not ASCII.
        syllables: how many of them are Korean syllables that are not rare.
        common: how many of them are common syllables.
        within_words: how many syllables stand between two Latin letters, as `ÇÕ` of `AÇÕES` in Windows-1252 does.
    """

    def __init__(self) -> None:
        self.letters = self.syllables = self.common = self.within_words = self._lines = 0
        self._first_line: int | None = None
        self._foreign_line: int | None = None

    def add(self, line: str) -> None:
        """Count a line's letters."""
        self._lines += 1
        if line.isascii():
            return
        self._first_line = self._first_line or self._lines
        syllables = _SYLLABLE.findall(line)
        common, rare = len(_COMMON_SYLLABLE.findall(line)), sum(map(is_rare, syllables))
        self.letters += len(_LETTER.findall(line))
        self.syllables += len(syllables) - rare
        self.common += common
        self.within_words += len(_WITHIN_A_WORD.findall(line))
        if rare and not common:
            self._foreign_line = self._foreign_line or self._lines

    @property
    def foreign_line(self) -> int | None:
        """Return a line (from 1) that no Korean text has, None where the text can be Korean.

        It is the first one with a rare syllable and no common one; or, where too few letters of the whole are Korean,
        or all of them stand within Latin words, the first that is not ASCII.
        """
        few = self.letters >= FEWEST_LETTERS and self.common < LEAST_COMMON_SHARE * self.letters
        few = few or self.syllables < LEAST_SYLLABLE_SHARE * self.letters
        if few or 0 < self.letters == self.within_words:
            return self._foreign_line or self._first_line
        return self._foreign_line
