"""Token ids as text."""

from collections.abc import Sequence
from typing import Any


def summary_text(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return ids as the model wrote them, without control tokens, not stripped.

    Some tokenizers (Llama 3's) ask to drop spaces before punctuation when decoding; texts that were trained on with
    such spaces (`Yes , I do .`) would come back changed.
    """
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
