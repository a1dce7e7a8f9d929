"""Text as token ids in which control tokens can't occur, otherwise as the tokenizer itself makes them."""

import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .control_tokens import ControlToken, control_tokens
from .round_trip import UnfitTokenizerError, panics_refused, refuse_lossy

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast


class TextEncoder:
    """Encodes plain text: no control token, whatever the text says, and no BOS.

    The ids are the tokenizer's own wherever no control token stands in a text: its other added tokens (Gemma's
    newlines and runs of spaces) stay what they are, and a space that a tokenizer puts before a text
    (`Metaspace`, `first`) comes only where it would put it.

    Attributes:
        controls: the control tokens by their text.
        note: what users should know of the tokenizer, None where there is nothing; set by `text_encoder`.
    """

    note: str | None = None

    def __init__(self, tokenizer: "PreTrainedTokenizerFast") -> None:
        """Copy the backend of `tokenizer` with control tokens under names that no text has.

        Raises:
            UnfitTokenizerError: there is no tokenizers backend.
        """
        if not getattr(tokenizer, "is_fast", False):
            raise UnfitTokenizerError(
                f"{type(tokenizer).__name__} has no tokenizers backend; use a checkpoint with a tokenizer.json"
            )
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        self.controls: dict[str, ControlToken] = control_tokens(tokenizer, state)
        self._start_with(_backend_for_text(state, self.controls))

    @classmethod
    def of_backend(cls, backend: "Tokenizer") -> "TextEncoder":
        """Return an encoder on a backend as it is: quick to make, but added tokens in a text become control tokens."""
        encoder = cls.__new__(cls)
        encoder.controls = {}
        encoder._start_with(backend)
        return encoder

    def _start_with(self, backend: "Tokenizer") -> None:
        from tokenizers import AddedToken

        # Before a text this is what a control token is there: some tokenizers treat the first text otherwise.
        self._mark = _unheard_of()
        backend.add_special_tokens([AddedToken(self._mark, special=True, normalized=False)])
        self._backend = backend

    def encode(self, text: str, is_start: bool = False) -> list[int]:
        """Return the token ids of `text` as they are after a control token, or (`is_start`) with nothing before."""
        return self.encode_batch([text], is_start)[0]

    def encode_batch(self, texts: Sequence[str], is_start: bool = False) -> list[list[int]]:
        """Return the token ids of each text, computed on all cores; see `encode`."""
        marked = list(texts) if is_start else [self._mark + text for text in texts]
        with panics_refused():
            encodings = self._backend.encode_batch_fast(marked, add_special_tokens=False)
        return [encoding.ids[0 if is_start else 1 :] for encoding in encodings]

    def encode_behind(self, context: str, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text as they are behind the text `context`."""
        split = self.split_behind(context, texts)
        # Where one token spans both, the text is taken alone: the context's ids stand already.
        return [self.encode(text) if ids is None else ids[1] for text, ids in zip(texts, split, strict=True)]

    def split_behind(self, context: str, texts: Sequence[str]) -> list[tuple[list[int], list[int]] | None]:
        """Return the ids of `context` and of the text behind it, for each text; None where one token spans both."""
        border = len(self._mark) + len(context)
        marked = [self._mark + context + text for text in texts]
        with panics_refused():
            encodings = self._backend.encode_batch(marked, add_special_tokens=False)
        split: list[tuple[list[int], list[int]] | None] = []
        for encoding in encodings:
            before = sum(end <= border for _, end in encoding.offsets)
            spans = any(start < border for start, _ in encoding.offsets[before:])
            split.append(None if spans else (encoding.ids[1:before], encoding.ids[before:]))
        return split

    def token_ends(self, text: str) -> list[int]:
        """Return, for each token of `text`, the character at which it ends."""
        with panics_refused():
            return [end for _, end in self._backend.encode(text, add_special_tokens=False).offsets]


_ENCODERS: "WeakKeyDictionary[PreTrainedTokenizerFast, tuple[object, TextEncoder]]" = WeakKeyDictionary()


def text_encoder(tokenizer: "PreTrainedTokenizerFast") -> TextEncoder:
    """Return a tokenizer's encoder, which is made and tried once: copying a large vocabulary takes a second.

    Raises:
        UnfitTokenizerError: no tokenizers backend, or a tokenizer that does not give text back.
    """
    known_by: object = (
        getattr(tokenizer, "get_added_vocab", dict)(),
        getattr(tokenizer, "all_special_tokens", None),
        str(getattr(tokenizer, "chat_template", None)),
    )
    known = _ENCODERS.get(tokenizer)
    if known is None or known[0] != known_by:
        encoder = TextEncoder(tokenizer)
        encoder.note = refuse_lossy(encoder.encode_batch, tokenizer.backend_tokenizer)
        known = _ENCODERS[tokenizer] = known_by, encoder
    return known[1]


def _unheard_of() -> str:
    """Return a name that stands in no text."""
    return f"\ue000{secrets.token_hex(16)}\ue000"


def _backend_for_text(state: dict[str, Any], controls: dict[str, ControlToken]) -> "Tokenizer":
    """Return a tokenizer of this state in which text can't reach control tokens; all ids stay.

    Their names in the model's vocabulary change too: byte-level BPE never gets to them, for no merge leads there, but
    Unigram, WordPiece, BPE with `ignore_merges` and BPE made from sentencepiece's vocabulary do.
    """
    from tokenizers import Tokenizer as Backend

    names = {token: _unheard_of() for token in controls}
    for token in state["added_tokens"]:
        hidden = token["content"] in names
        token.update(content=names.get(token["content"], token["content"]), lstrip=False, rstrip=False)
        token["normalized"] &= not hidden
    model = state["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        inside = {token for token in names if token in vocabulary}
        for token in inside:
            vocabulary[names[token]] = vocabulary.pop(token)
    else:  # Unigram
        inside = {piece for piece, _ in vocabulary if piece in names}
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
    if model.get("unk_token") in inside:
        model["unk_token"] = names[model["unk_token"]]
    if inside and "merges" in model:
        prefix = model.get("continuing_subword_prefix") or ""
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
        model["merges"] = [
            [left, right]
            for left, right in pairs
            if inside.isdisjoint((left, right)) and left + right.removeprefix(prefix) not in inside
        ]
    state.update(post_processor=None, truncation=None, padding=None)
    return Backend.from_str(json.dumps(state))
