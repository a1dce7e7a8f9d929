"""An adapter's start, where the training data gives it."""

import logging
from typing import Any

from peft import PeftModel
from torch.utils.data import DataLoader

from ..config.schema import Config
from ..data.batches.padding import RightPadder
from ..models.adapters import start_eva


def start_adapter(config: Config, model: Any, tokenizer: Any, dataset: Any, logger: logging.Logger) -> None:
    """Take a new adapter's A and ranks from the training data with `lora.init = eva`, also where a run goes on."""
    lora = config.lora
    if lora.init == "eva" and lora.adapter is None and isinstance(model, PeftModel):
        logger.info("EVA: computing the adapter's start from the training data")
        batches = DataLoader(dataset, config.training.batch_size, collate_fn=RightPadder.of(tokenizer))
        start_eva(model, batches)
