"""How many summaries are drawn at a time, and what of the memory is left for the update."""

from typing import Any

import torch
from peft import PeftModel

from ...config.schema import Config
from ...decoder.row_batch import padded_rows

_ROWS = {"cpu": 32, "cuda": 1024}
_SHARE = 0.25  # of the memory, for the caches of what is being drawn


def drawing_rows(model: Any, config: Config, longest: int) -> tuple[int, float | None]:
    """Return the number of rows, and the GB of `training.memory_budget_gb` (or of what is free) without their caches.

    Args:
        model: loaded.
        config: of the run.
        longest: prompt, in tokens.
    """
    device = model.get_input_embeddings().weight.device
    rows = min(_ROWS[device.type], config.refine.dialogues * config.refine.samples)
    if device.type == "cpu":
        return rows, None
    budget = config.training.memory_budget_gb
    limit = budget * 1e9 if budget else float(torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device))
    limit -= _kept_bytes(model, config)
    row_bytes = (longest + config.tokenizer.decoder_max_len) * cache_bytes(model)
    while rows > 1 and padded_rows(rows, device) * row_bytes > _SHARE * limit:
        rows //= 2
    return rows, max(0.0, limit - padded_rows(rows, device) * row_bytes) / 1e9


def _kept_bytes(model: Any, config: Config) -> int:
    """Return what the averaged weights take (in float32) and those of the start (as they are)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    each = 4 * bool(config.refine.average) * sum(parameter.numel() for parameter in trained)
    start = bool(config.refine.kl) * sum(parameter.numel() * parameter.element_size() for parameter in trained)
    return int(each + start)


def cache_bytes(model: Any) -> int:
    """Return what keys and values of one token take in all layers."""
    config = (model.get_base_model() if isinstance(model, PeftModel) else model).config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    itemsize = model.get_input_embeddings().weight.dtype.itemsize
    return int(2 * config.num_hidden_layers * config.num_key_value_heads * width * itemsize)
