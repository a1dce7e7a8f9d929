"""Numbers and dates in Korean and English text, each with the values that it stands for (`units.py`).

What is not read: years in words that are said in pairs (`nineteen ninety-nine`), days that depend on others (`다음 날`,
`the next day`), and sums. What is read and not judged: `한 가지`, `한 번 더`, `하루를`, `반`, `one of them`, `an hour`.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .english_quantities import english_quantities, find_english_days
from .korean_quantities import korean_quantities
from .tokenizations import PLACEHOLDER
from .units import Fact

if TYPE_CHECKING:
    from kiwipiepy import Token


def find_quantities(text: str, tokens: "Sequence[Token] | None" = None) -> Iterator[Fact]:
    """Yield the numbers and dates of a text. `tokens` are Kiwi's, needed where the text holds Hangul."""
    text = PLACEHOLDER.sub(lambda place: " " * len(place.group()), text)
    if tokens is None:
        yield from english_quantities(text)
    else:
        yield from find_english_days(text)
        yield from korean_quantities(text, tokens)
