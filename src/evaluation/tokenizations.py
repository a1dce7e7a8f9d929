"""What ROUGE counts: five declared ways to cut a summary into tokens.

`rouge_score` keeps only ASCII letters and digits, so Korean text vanishes and two identical Korean sentences score 0.
Here the tokenization is chosen by name and printed beside every score:

| name       | tokens                                                                                            |
|------------|---------------------------------------------------------------------------------------------------|
| `word`     | words between spaces and punctuation; without Hangul in the pair, exactly `rouge_score`'s tokens   |
| `morpheme` | all morphemes that Kiwi finds, without punctuation                                                |
| `content`  | Kiwi's nouns, numerals, verbs, adjectives, roots, numbers, foreign words and addresses            |
| `char`     | all characters but white space, one by one, punctuation among them                                |
| `ascii`    | `rouge_score`'s tokens whatever the text, only to compare with figures published that way         |

Everything is lowercased and, except for `rouge_score`'s own rule, composed (NFC). Punctuation separates words, as in
`rouge_score`: `#Person1#은` gives `person1` and the particle `은`, while `Mark는` and `3시에` stay whole. Kiwi reads a
placeholder such as `#Person1#` as one proper noun; by itself it would take `#Person1` and `#은` for hashtags.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, get_args

from ..errors import YoyakError, nearest

if TYPE_CHECKING:
    from kiwipiepy import Kiwi, Token
    from nltk.stem.porter import PorterStemmer

Tokenization = Literal["word", "morpheme", "content", "char", "ascii"]
TOKENIZATIONS: tuple[Tokenization, ...] = get_args(Tokenization)

_ASCII_WORD = re.compile(r"[a-z0-9]+")
PLACEHOLDER = re.compile(r"#\w+#")
"""A speaker without a name, such as `#Person1#`."""

# Syllables and jamo, the latter combining (as in decomposed text), compatible (ㅋㅋ) and halfwidth.
_HANGUL = re.compile(r"[\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uffa1-\uffdc]")
# Kiwi's tags: nouns (NNG, NNP, NNB), numeral, verb, adjective, root, foreign word, Chinese characters, number, and
# addresses (W_URL, W_EMAIL, ...). Irregular verbs and adjectives have a suffix (VV-I), so these are prefixes.
_CONTENT_TAGS = ("NN", "NR", "VV", "VA", "XR", "SL", "SH", "SN", "W_")


class _Separators(dict[int, int | str | None]):
    """Table for `str.translate`, filled as characters occur: punctuation, symbols and spaces become a space."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        category = unicodedata.category(character)
        # What has no shape of its own must not make words differ: zero-width spaces, soft hyphens, emoji selectors.
        if category in ("Cf", "Me") or unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
            self[code] = None
        else:
            self[code] = code if category[0] in "LMN" else " "
        return self[code]


_SEPARATORS = _Separators()


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
    else:
        tokens = _morphemes(texts, content_only=rule == "content")
    return [[_stem(token) for token in words] for words in tokens] if stemmer else tokens


def compose(text: str) -> str:
    """Compose decomposed Hangul, and drop lone surrogates (from broken JSON), which Kiwi cannot take."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "ignore").decode("utf-8")


def _spaced(text: str) -> str:
    """Lowercase the text and put a space for everything that is no letter, mark or digit."""
    return text.lower().translate(_SEPARATORS)


def _morphemes(texts: Sequence[str], content_only: bool) -> list[list[str]]:
    """Return Kiwi's morphemes of each text, without the punctuation in and between them (3,000 becomes 3000)."""
    tokens = []
    for analysis in analyse(texts):
        chosen = (token.form for token in analysis if not content_only or token.tag.startswith(_CONTENT_TAGS))
        forms = ("".join(_spaced(form).split()) for form in chosen)
        tokens.append([form for form in forms if form])
    return tokens


def analyse(texts: Iterable[str]) -> "Iterator[list[Token]]":
    """Yield Kiwi's morphemes of each text, by all cores; a placeholder such as `#Person1#` is one proper noun.

    The places in `Token.start` and `Token.end` are those in `compose(text)`.
    """
    from kiwipiepy import Match

    match_options = Match.ALL & ~Match.HASHTAG
    yield from _kiwi().tokenize(map(compose, texts), match_options=match_options, pretokenized=_placeholders)


def has_hangul(text: str) -> bool:
    """Return whether the text holds a Hangul syllable or letter."""
    return _HANGUL.search(text) is not None


def _placeholders(text: str) -> list[tuple[int, int, str]]:
    """Return the spans of `#Person1#` and the like, for Kiwi to read as proper nouns."""
    return [(*match.span(), "NNP") for match in PLACEHOLDER.finditer(text)]


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
