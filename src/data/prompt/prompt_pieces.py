"""What prompt templates are put together from, and what they make."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from .text_encoder import TextEncoder

IGNORE = -100
"""The label of tokens that carry no loss."""


@dataclass(frozen=True)
class EncodedExample:
    """Ids and labels of one example, both of length n; labels are `IGNORE` exactly on the first `prompt_length`."""

    input_ids: list[int]
    prompt_length: int

    @property
    def labels(self) -> list[int]:
        """Return the ids of summary and end token, with `IGNORE` on the prompt."""
        return [IGNORE] * self.prompt_length + self.input_ids[self.prompt_length :]


@dataclass(frozen=True)
class PromptPieces:
    """A prompt in parts, each a text or the id of a control token, with a place for the dialogue between two texts.

    Attributes:
        head: the parts before `lead`.
        lead: the text before a dialogue.
        trail: the text behind it.
        tail: the parts behind `trail`.
        end_id: what ends a summary.
        start_ids: what comes first, of itself: the tokenizer puts it before each text.
        answer_trail: white space that the layout puts between a summary and its end token.
        folds_system: whether the system text is part of `lead`, since the layout takes no system message.
    """

    head: list[int | str]
    lead: str
    trail: str
    tail: list[int | str]
    end_id: int
    start_ids: tuple[int, ...] = ()
    answer_trail: str = ""
    folds_system: bool = False


def merge_texts(parts: Sequence[int | str]) -> list[int | str]:
    """Return parts with texts that stand side by side as one."""
    whole: list[int | str] = []
    for part in parts:
        if isinstance(part, str) and whole and isinstance(whole[-1], str):
            whole[-1] += part
        else:
            whole.append(part)
    return whole


def parts_text(backend: "Tokenizer", parts: Iterable[int | str]) -> str:
    """Return parts as one text, control tokens written out."""
    return "".join(part if isinstance(part, str) else str(backend.id_to_token(part)) for part in parts)


def stable_prefix(encoder: "TextEncoder", last: str) -> tuple[str, list[int]]:
    """Return what of a prompt's last text has its own tokens whatever summary comes behind it, with their ids.

    A space at the end goes with the summary's first word in most vocabularies.
    """
    for length in range(len(last.rstrip(" ")), len(last.rstrip()) - 1, -1):
        kept, rest = last[:length], last[length:]
        split = encoder.split_behind(kept, [rest + text for text in ("They", "요약", "#Person1#", "1", '"A"')])
        if None not in split and all(ids and split[0] and ids[0] == split[0][0] for ids in split):
            return kept, split[0][0] if split[0] else []
    return last, encoder.encode(last)  # whoever checks the whole example will find it
