"""Token ids as text."""

from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ..data.prompt.reasoning import TAGS
from ..data.prompt.round_trip import panics_refused

# Of each tokenizer, which builds its table of added tokens anew whenever it is asked.
_LEFT_OUT: "WeakKeyDictionary[Any, frozenset[int]]" = WeakKeyDictionary()
_TAG_IDS: "WeakKeyDictionary[Any, dict[int | None, str]]" = WeakKeyDictionary()


def summary_text(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return ids as the model wrote them, without control tokens, not stripped.

    Some tokenizers (Llama 3's) ask to drop spaces before punctuation when decoding; texts that were trained on with
    such spaces (`Yes , I do .`) would come back changed. Some call white space special: it is text all the same.
    """
    if tokenizer not in _LEFT_OUT:
        added = tokenizer.backend_tokenizer.get_added_tokens_decoder()
        _LEFT_OUT[tokenizer] = frozenset(
            number for number, token in added.items() if token.special and token.content.replace("▁", " ").strip()
        )
    kept = [token for token in ids if token not in _LEFT_OUT[tokenizer]]
    with panics_refused():
        return str(tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def length_to_end(ids: Sequence[int], end_ids: Collection[int]) -> int:
    """Return how many ids there are up to and with the first that ends a summary; all where none does."""
    return next((place for place, token in enumerate(ids, 1) if token in end_ids), len(ids))


def before_end(ids: Sequence[int], end_ids: Collection[int]) -> list[int]:
    """Return the ids before the first that ends a summary."""
    kept = list(ids[: length_to_end(ids, end_ids)])
    return kept[:-1] if kept and kept[-1] in end_ids else kept


def written_text(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return ids as `summary_text` does, with the tags around reasoning even where they are control tokens."""
    if tokenizer not in _TAG_IDS:
        added = tokenizer.get_added_vocab()
        _TAG_IDS[tokenizer] = {added[tag]: tag for tag in TAGS if tag in added}
    tags = _TAG_IDS[tokenizer]
    if tags.keys().isdisjoint(ids):
        return summary_text(tokenizer, ids)
    pieces: list[str] = []
    start = 0
    for place, token in enumerate([*ids, None]):
        if token is None or token in tags:
            pieces += [summary_text(tokenizer, ids[start:place]), tags.get(token, "")]
            start = place + 1
    return "".join(pieces)


def answer_text(tokenizer: Any, ids: Sequence[int], end_ids: Collection[int]) -> str:
    """Return what a model wrote before its end, as `written_text` does, stripped.

    One that ran into its limit may stop within a character, of which some bytes are there: that is left out.
    """
    text = written_text(tokenizer, before_end(ids, end_ids)).strip()
    is_cut = not any(token in end_ids for token in ids)
    return text.rstrip("\ufffd").rstrip() if is_cut else text
