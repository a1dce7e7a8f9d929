"""Text as token ids in which control tokens can't occur."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

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
        self._in_vocabulary = _controls_in_vocabulary(tokenizer, self._backend)

    @classmethod
    def of_backend(cls, backend: "Tokenizer") -> "TextEncoder":
        """Return an encoder on a backend as it is: quick to make, but added tokens in a text become control tokens."""
        encoder = cls.__new__(cls)
        encoder._backend, encoder._in_vocabulary = backend, frozenset()
        return encoder

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        ids: list[int] = encoding.ids
        return ids if self._in_vocabulary.isdisjoint(ids) else self._taken_apart(text, encoding)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, computed on all cores."""
        batch: list[list[int]] = [
            encoding.ids for encoding in self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        ]
        if self._in_vocabulary:
            for index, ids in enumerate(batch):
                if not self._in_vocabulary.isdisjoint(ids):
                    batch[index] = self.encode(texts[index])
        return batch

    def _taken_apart(self, text: str, encoding: Any) -> list[int]:
        """Return the ids of a text out of which the model itself made control tokens: cut inside of each.

        What a single character yields can't be cut and stays out.
        """
        spans = zip(encoding.ids, encoding.offsets, strict=True)
        cuts = [start + 1 for token, (start, end) in spans if token in self._in_vocabulary and end - start > 1]
        if not cuts:
            return [token for token in encoding.ids if token not in self._in_vocabulary]
        pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
        return [token for piece in pieces for token in self.encode(piece)]

    def token_ends(self, text: str) -> list[int]:
        """Return, for each token of `text`, the character at which it ends."""
        return [end for _, end in self._backend.encode(text, add_special_tokens=False).offsets]


_ENCODERS: "WeakKeyDictionary[PreTrainedTokenizerFast, tuple[object, TextEncoder]]" = WeakKeyDictionary()


def text_encoder(tokenizer: "PreTrainedTokenizerFast") -> TextEncoder:
    """Return a tokenizer's encoder, which is made once: copying a large vocabulary takes a second."""
    added: object = getattr(tokenizer, "get_added_vocab", dict)(), getattr(tokenizer, "unk_token_id", None)
    known = _ENCODERS.get(tokenizer)
    if known is None or known[0] != added:
        known = _ENCODERS[tokenizer] = added, TextEncoder(tokenizer)
    return known[1]


def _controls_in_vocabulary(tokenizer: "PreTrainedTokenizerFast", backend: "Tokenizer") -> frozenset[int]:
    """Return the ids of added tokens that stand in the model's own vocabulary too, where text can reach them.

    Byte-level BPE never gets there, for no merge leads to them; Unigram, WordPiece and BPE with `ignore_merges` do. The
    token for unknown characters is no control token.
    """
    unknown = tokenizer.unk_token_id
    ids = {
        token_id for token, token_id in tokenizer.get_added_vocab().items() if backend.token_to_id(token) == token_id
    }
    return frozenset(ids - {unknown})
