"""What ROUGE counts: six declared ways to cut a summary into tokens.

`rouge_score` keeps only ASCII letters and digits, so Korean text vanishes and two identical Korean sentences score 0.
Here the tokenization is chosen by name and printed beside every score:

| name       | tokens                                                                                            |
|------------|---------------------------------------------------------------------------------------------------|
| `word`     | words between spaces and punctuation; without Hangul in the pair, exactly `rouge_score`'s tokens   |
| `morpheme` | all morphemes that Kiwi finds, without punctuation                                                |
| `content`  | Kiwi's morphemes without grammar, numbers by their value (`content.py`)                           |
| `mecab`    | MeCab's morphemes, punctuation among them, as Korean leaderboards count; an extra (`yoyak[mecab]`) |
| `char`     | all characters but white space, one by one, punctuation among them                                |
| `ascii`    | `rouge_score`'s tokens whatever the text, only to compare with figures published that way         |

Everything is lowercased and, except for `rouge_score`'s own rule, in one form: composed (NFC), of one width (`３`,
`㎏`), without invisible characters. Punctuation separates words, as in `rouge_score`: `#Person1#은` gives `person1` and
the particle `은`, while `Mark는` and `3시에` stay whole, and so do digits with what separates them (`3.5`, `1:30`;
`3,000` is `3000`). Kiwi reads a placeholder such as `#Person1#` as one proper noun; by itself it would take `#Person1`
and `#은` for hashtags.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Literal, get_args

from ..errors import YoyakError, nearest
from .content import content_forms

if TYPE_CHECKING:
    from kiwipiepy import Kiwi, Token
    from mecab import MeCab
    from nltk.stem.porter import PorterStemmer

Tokenization = Literal["word", "morpheme", "content", "mecab", "char", "ascii"]
TOKENIZATIONS: tuple[Tokenization, ...] = get_args(Tokenization)

_ASCII_WORD = re.compile(r"[a-z0-9]+")
PLACEHOLDER = re.compile(r"#\w+#")
"""A speaker without a name, such as `#Person1#`."""

# Syllables and jamo, the latter combining (as in decomposed text), compatible (ㅋㅋ) and halfwidth.
_HANGUL = re.compile(r"[\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uffa1-\uffdc]")
# Forms that stand for a letter, digit or unit of another width or in one sign: `３`, `Ｋ`, `㎏`, `ℓ`.
_OTHER_FORMS = ("<wide>", "<narrow>", "<square>", "<font>")
_SEPARATED_DIGITS = re.compile(r"(?<=\d)[.,:](?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SHORT, _MOST_RECENT = 500, 1024
_RECENT: "dict[str, list[Token]]" = {}
_LOCK = Lock()
_KIWI = ("kiwipiepy", "kiwipiepy_model")
_ANALYSERS = {"morpheme": _KIWI, "content": _KIWI, "mecab": ("python-mecab-ko", "python-mecab-ko-dic")}
# Stand for what separates digits while all other punctuation is put away.
_KEPT = {".": "\ue000", ",": "\ue001", ":": "\ue002"}


class _Folded(dict[int, int | str | None]):
    """Table for `str.translate`: no characters without shape of their own, and one form of each letter and unit."""

    def __missing__(self, code: int) -> int | str | None:
        kind, _, form = unicodedata.decomposition(chr(code)).partition(" ")
        if unicodedata.category(chr(code)) in ("Cf", "Cs"):  # zero-width spaces, soft hyphens; half a surrogate pair
            self[code] = None
        elif kind in _OTHER_FORMS:
            self[code] = "".join(chr(int(part, 16)) for part in form.split())
        else:
            self[code] = code
        return self[code]


class _Separators(dict[int, int | str | None]):
    """Table for `str.translate`, filled as characters occur: punctuation, symbols and spaces become a space."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        category = unicodedata.category(character)
        # What has no shape of its own must not make words differ: keycaps, emoji selectors.
        if category == "Me" or unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
            self[code] = None
        else:
            self[code] = code if category[0] in "LMN" else " "
        return self[code]


_FOLDED = _Folded()
_SEPARATORS = _Separators({ord(stand_in): sign for sign, stand_in in _KEPT.items()})


def tokenize_pairs(
    pairs: Sequence[tuple[str, str]], tokenization: Tokenization = "word", stemmer: bool = False
) -> list[tuple[list[str], list[str]]]:
    """Return both texts of every pair as tokens. Each distinct text is cut once, by Kiwi on all cores.

    Under `word` a pair without any Hangul follows `rouge_score`'s rule, and both its texts do; with Hangul in either,
    neither does. `stemmer` reduces ASCII words of more than three letters by Porter's rules (not under `char`).

    Raises:
        YoyakError: the tokenization is unknown.
    """
    rules = [_rule(tokenization, pair) for pair in pairs]
    tokens: dict[Tokenization, dict[str, list[str]]] = {}
    for rule in set(rules):
        chosen = (pair for pair, its_rule in zip(pairs, rules, strict=True) if its_rule == rule)
        texts = list(dict.fromkeys(text for pair in chosen for text in pair))
        tokens[rule] = dict(zip(texts, _tokens(texts, rule, stemmer), strict=True))
    return [(tokens[rule][one], tokens[rule][other]) for (one, other), rule in zip(pairs, rules, strict=True)]


def _rule(tokenization: Tokenization, texts: Iterable[str]) -> Tokenization:
    """Return the tokenization that these texts get together: `word` becomes `ascii` where none holds Hangul."""
    if tokenization not in TOKENIZATIONS:
        hint = nearest(str(tokenization), list(TOKENIZATIONS))
        raise YoyakError(f"unknown tokenization '{tokenization}'; choose {', '.join(TOKENIZATIONS)}{hint}")
    if tokenization == "word" and not any(map(has_hangul, texts)):
        return "ascii"
    return tokenization


def _tokens(texts: Sequence[str], rule: Tokenization, stemmer: bool) -> list[list[str]]:
    """Cut each text by the rule."""
    if rule == "ascii":
        tokens = [_ASCII_WORD.findall(text.lower()) for text in texts]
    elif rule == "word":
        tokens = [_spaced(compose(text)).split() for text in texts]
    elif rule == "char":
        return [list("".join(compose(text).lower().split())) for text in texts]
    elif rule == "mecab":
        need_analyser(rule)
        tokens = [_mecab_morphemes(compose(text)) for text in texts]
    else:
        tokens = _morphemes(texts, content_only=rule == "content")
    return [[_stem(token) for token in words] for words in tokens] if stemmer else tokens


@lru_cache(maxsize=4096)
def compose(text: str) -> str:
    """Return text in one form: composed (NFC), of one width, without invisible characters and lone surrogates.

    The latter come from broken JSON; Kiwi cannot take them.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(_FOLDED))


def _spaced(text: str) -> str:
    """Lowercase the text and put a space for all that is no letter, mark or digit, nor between digits (`3.5`, `1:30`).

    `3,000` becomes `3000`.
    """
    if _SEPARATED_DIGITS.search(text):
        text = _SEPARATED_DIGITS.sub(lambda sign: _KEPT[sign.group()], _THOUSANDS.sub("", text))
    return text.lower().translate(_SEPARATORS)


def _morphemes(texts: Sequence[str], content_only: bool) -> list[list[str]]:
    """Return Kiwi's morphemes of each text, without punctuation; what separates digits stays."""
    if content_only:
        return [_bare(content_forms(analysis)) for analysis in analyse(texts)]
    return [_bare(_joined((token.form, token.start, token.end) for token in analysis)) for analysis in analyse(texts)]


def _mecab_morphemes(text: str) -> list[str]:
    """Return MeCab's morphemes of a text in lower case, as they stand there (`했`), punctuation among them."""
    morphemes = ((found.surface, found.span.start, found.span.end) for found in _mecab().parse(text))
    return [form.replace(",", "").lower() if form[0].isdecimal() else form.lower() for form in _joined(morphemes)]


def _joined(morphemes: "Iterable[tuple[str, int, int]]") -> list[str]:
    """Return forms, given with where they start and end; digits and the sign between them are one (`3,4`)."""
    forms: list[str] = []
    last_end = -1
    for form, start, end in morphemes:
        before = forms[-1] if forms and start == last_end else ""
        if (before[-1:].isdecimal() and form in _KEPT) or (before[-1:] in _KEPT and form[:1].isdecimal()):
            forms[-1] += form
        else:
            forms.append(form)
        last_end = end
    return forms


def _bare(forms: Iterable[str]) -> list[str]:
    """Return forms in lower case, without the punctuation in and between them."""
    spaced = ("%" if form == "%" else "".join(_spaced(form).split()) for form in forms)
    return [form for form in spaced if form]


def analyse(texts: Sequence[str]) -> "Iterator[list[Token]]":
    """Yield Kiwi's morphemes of each text, by all cores; a placeholder such as `#Person1#` is one proper noun.

    The places in `Token.start` and `Token.end` are those in `compose(text)`. Short texts are kept for the next call:
    scores and facts are of the same summaries.
    """
    from kiwipiepy import Match

    composed = list(map(compose, texts))
    known = {text: _RECENT[text] for text in composed if text in _RECENT}
    match_options = Match.ALL & ~Match.HASHTAG
    others = [text for text in composed if text not in known]
    fresh = iter(_kiwi().tokenize(others, match_options=match_options, pretokenized=_placeholders))
    for text in composed:
        tokens = known[text] if text in known else next(fresh)
        if len(text) <= _SHORT:
            with _LOCK:
                _RECENT[text] = tokens
                if len(_RECENT) > _MOST_RECENT:
                    del _RECENT[next(iter(_RECENT))]
        yield tokens


def has_hangul(text: str) -> bool:
    """Return whether the text holds a Hangul syllable or letter."""
    return _HANGUL.search(text) is not None


def _placeholders(text: str) -> list[tuple[int, int, str]]:
    """Return the spans of `#Person1#` and the like, for Kiwi to read as proper nouns."""
    return [(*match.span(), "NNP") for match in PLACEHOLDER.finditer(text)]


def need_analyser(tokenization: Tokenization) -> None:
    """Refuse a tokenization whose analyser is not installed.

    Raises:
        YoyakError: `mecab` without its package.
    """
    if tokenization == "mecab" and find_spec("mecab") is None:
        raise YoyakError("tokenization mecab: python-mecab-ko is not installed; pip install 'yoyak[mecab]'")


def analyser_of(tokenization: str) -> str | None:
    """Return what cuts a tokenization's texts, with the versions of code and dictionary; None where it is a rule here.

    Such as `kiwipiepy 0.24.1, kiwipiepy_model 0.24.0`.
    """
    packages = _ANALYSERS.get(tokenization)
    return ", ".join(f"{package} {version(package)}" for package in packages) if packages else None


@cache
def _mecab() -> "MeCab":
    """Build MeCab with its Korean dictionary."""
    from mecab import MeCab

    return MeCab()


@cache
def _kiwi() -> "Kiwi":
    """Build Kiwi once, when it is first needed (2 seconds, 330 MB).

    Its dictionary of names of several words would double both, and make one token of such a name.
    """
    from kiwipiepy import Kiwi

    return Kiwi(load_multi_dict=False)


@lru_cache(maxsize=65536)
def _stem(token: str) -> str:
    """Return Porter's stem of an ASCII word of more than three letters, other tokens as they are."""
    return str(_porter().stem(token)) if len(token) > 3 and _ASCII_WORD.fullmatch(token) else token


@cache
def _porter() -> "PorterStemmer":
    """Build the stemmer that `rouge_score` uses."""
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()
