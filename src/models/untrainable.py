"""What training refuses of a checkpoint's files, looked at without its weights; no torch."""

import os
from typing import Any

from ..config.schema import Config
from ..planner.file_templates import added_control_tokens
from ..planner.refusals import refuse_eva_with_added_tokens
from ..planner.shapes import cached_file
from .adapter_config import refuse_on_4bit
from .bundled import PREFIX
from .checkpoints import is_stored_in_4bit
from .generation_settings import CheckpointGeneration
from .resolve import resolve_checkpoint


def refuse_untrainable_checkpoint(config: Config) -> None:
    """Raise YoyakError for a checkpoint that no training takes, by those of its files that are here.

    Such are pickled weights, other quantizations than 4 bit, more layers than any model has, end tokens that are none,
    and control tokens that are missing where `lora.init = eva`.
    """
    lora, checkpoint = config.lora, config.model.checkpoint
    if not checkpoint.startswith(PREFIX):  # which may have to be made first
        resolve_checkpoint(checkpoint)
    found = cached_file(checkpoint, "config.json")
    if found is None:
        return
    folder = os.path.abspath(found.parent)
    files = CheckpointGeneration(folder, config.model)
    files.stated_end_ids()
    if is_stored_in_4bit(folder, _quantization(files.model_config), lora.use_lora) and lora.adapter is None:
        refuse_on_4bit(lora.init, "lora.init")
    tokenizer = cached_file(checkpoint, "tokenizer.json")
    if lora.init == "eva" and tokenizer is not None:
        kind = str((files.model_config.get("text_config") or files.model_config).get("model_type"))
        refuse_eva_with_added_tokens(config, added_control_tokens(config, tokenizer, kind))


def _quantization(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a config.json holds of how its weights are stored."""
    parts = [content, content.get("text_config")]
    stored = (part.get("quantization_config") for part in parts if isinstance(part, dict))
    return next((one for one in stored if isinstance(one, dict) and one), {})
