"""Autocast for a loaded model."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def autocast(model: Any) -> AbstractContextManager[Any]:
    """Return autocast to the base model's 16-bit type: adapters are float32 and would slow every product down."""
    weight = model.get_input_embeddings().weight
    if weight.dtype in (torch.bfloat16, torch.float16):
        return torch.autocast(weight.device.type, dtype=weight.dtype)
    return nullcontext()
