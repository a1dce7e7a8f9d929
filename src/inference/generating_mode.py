"""The state of a model while it generates."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def generating(model: Any) -> Iterator[None]:
    """Put a model into eval mode without gradients, and give its training mode back afterwards."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def left_padded(prompts: Sequence[list[int]], pad_id: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return prompts as ids and their attention mask, (prompts, longest) each, with padding before the shorter ones."""
    width = max(len(ids) for ids in prompts)
    input_ids = torch.tensor([[pad_id] * (width - len(ids)) + ids for ids in prompts], device=device)
    return input_ids, torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device)
