"""Token ids as text."""

from collections.abc import Collection, Sequence
from typing import Any


def summary_text(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return ids as the model wrote them, without control tokens, not stripped.

    Some tokenizers (Llama 3's) ask to drop spaces before punctuation when decoding; texts that were trained on with
    such spaces (`Yes , I do .`) would come back changed.
    """
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def length_to_end(ids: Sequence[int], end_ids: Collection[int]) -> int:
    """Return how many ids there are up to and with the first that ends a summary; all where none does."""
    return next((place for place, token in enumerate(ids, 1) if token in end_ids), len(ids))


def before_end(ids: Sequence[int], end_ids: Collection[int]) -> list[int]:
    """Return the ids before the first that ends a summary."""
    kept = list(ids[: length_to_end(ids, end_ids)])
    return kept[:-1] if kept and kept[-1] in end_ids else kept
