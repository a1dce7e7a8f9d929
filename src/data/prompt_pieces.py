"""What prompt templates are put together from, and what they make."""

from collections.abc import Sequence
from dataclasses import dataclass

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


def joined(parts: Sequence[int | str]) -> list[int | str]:
    """Return parts with texts that stand side by side as one."""
    whole: list[int | str] = []
    for part in parts:
        if isinstance(part, str) and whole and isinstance(whole[-1], str):
            whole[-1] += part
        else:
            whole.append(part)
    return whole
