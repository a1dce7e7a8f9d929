"""Text as token ids in which control tokens can't occur."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import YoyakError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast


class TextEncoder:
    """Encodes plain text: no control token, whatever the text says, and no BOS."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast") -> None:
        """Copy the backend of `tokenizer` without added tokens, post-processor, truncation and padding."""
        from tokenizers import Tokenizer as Backend

        if not getattr(tokenizer, "is_fast", False):
            raise YoyakError(
                f"{type(tokenizer).__name__} has no tokenizers backend; use a checkpoint with a tokenizer.json"
            )
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        state.update(added_tokens=[], post_processor=None, truncation=None, padding=None)
        self._backend: Tokenizer = Backend.from_str(json.dumps(state))

    @classmethod
    def of_backend(cls, backend: "Tokenizer") -> "TextEncoder":
        """Return an encoder on a backend as it is: quick to make, but added tokens in a text become control tokens."""
        encoder = cls.__new__(cls)
        encoder._backend = backend
        return encoder

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, computed on all cores."""
        return [e.ids for e in self._backend.encode_batch_fast(list(texts), add_special_tokens=False)]

    def token_ends(self, text: str) -> list[int]:
        """Return, for each token of `text`, the character at which it ends."""
        return [end for _, end in self._backend.encode(text, add_special_tokens=False).offsets]
