"""The collator: right padding to the batch's longest example, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..prompt.templates import IGNORE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class RightPadder:
    """Stacks items of a dataset. Two examples of 3 and 2 tokens, the last two being the summary::

        input_ids      [[5, 6, 2], [6, 2, pad]]
        attention_mask [[1, 1, 1], [1, 1, 0]]
        labels         [[-100, 6, 2], [6, 2, -100]]

    Labels come from the items as they are, and padding is known by length, never by comparing with the pad id. Right,
    since left padding in training gives attention rows that are masked whole, and with them NaN gradients.
    """

    pad_token_id: int

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerFast") -> "RightPadder":
        """Return the padder for a tokenizer; any id serves where a foreign one has none to pad with."""
        return cls(int(tokenizer.pad_token_id) if tokenizer.pad_token_id is not None else 0)

    def __call__(self, items: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        """Return int64 tensors of shape (len(items), longest)."""
        fill = {"input_ids": self.pad_token_id, "attention_mask": 0, "labels": IGNORE}
        return {
            name: torch.nn.utils.rnn.pad_sequence([item[name] for item in items], batch_first=True, padding_value=value)
            for name, value in fill.items()
        }
