"""The collator: right padding to the batch's longest example, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..prompt.templates import IGNORE


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

    def __call__(self, items: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        """Return int64 tensors of shape (len(items), longest)."""
        fill = {"input_ids": self.pad_token_id, "attention_mask": 0, "labels": IGNORE}
        return {
            name: torch.nn.utils.rnn.pad_sequence([item[name] for item in items], batch_first=True, padding_value=value)
            for name, value in fill.items()
        }
