"""A checkpoint's `config.json`: what it may not choose, and sizes that its weights do not have.

transformers takes more from it than the model: which code computes attention and experts (a name with a slash is
fetched from the hub and run), and how many layers and labels are made before a weight is looked at.
"""

from pathlib import Path
from typing import Any

from transformers import AutoConfig, PretrainedConfig

from ..config.schema import ModelSettings
from ..errors import YoyakError
from ..planner.positions import has_position_table
from .checkpoints import load_from, origin_arguments
from .generation_settings import checkpoint_json
from .head_width import allow_named_head_width

_TIMES_STORED = 16
"""Weights for each byte that is stored, above which a size is none of the checkpoint's: 4 bit has two."""
_SLACK_WEIGHTS = 1 << 24


def load_checkpoint_config(checkpoint: str, model: ModelSettings) -> PretrainedConfig:
    """Return a checkpoint's config (a folder's, or a hub's), in which nothing chooses code.

    Attention and experts are computed by what the settings name, whatever the file or its parts say.

    Raises:
        YoyakError: there is none, an adapter lies beside it, or its sizes are far from those of its weights.
    """
    if checkpoint_json(checkpoint, "adapter_config.json", model.revision):  # transformers would load what that names
        raise adapter_beside(checkpoint)
    allow_named_head_width()
    config: PretrainedConfig = load_from(checkpoint, AutoConfig.from_pretrained, **origin_arguments(model))
    for part in [config, *_parts(config)]:
        part._attn_implementation = part._experts_implementation = None
    _refuse_sizes(checkpoint, config)
    return config


def adapter_beside(checkpoint: str) -> YoyakError:
    """Return the refusal of a checkpoint with an adapter in its folder."""
    return YoyakError(
        f"model.checkpoint = {checkpoint}: an adapter, loaded on the base model that it names; "
        "set model.checkpoint to that base model and lora.adapter to the adapter's folder"
    )


def _parts(config: PretrainedConfig) -> list[PretrainedConfig]:
    """Return the configs inside of a config, such as a text part's."""
    inside = [value for value in vars(config).values() if isinstance(value, PretrainedConfig)]
    return [part for found in inside for part in (found, *_parts(found))]


def _refuse_sizes(checkpoint: str, config: PretrainedConfig) -> None:
    """Raise YoyakError where a local checkpoint's matrices would be far larger than its files.

    Matrices of another size than the stored ones are made before they are refused, and would fill the memory.
    """
    if not Path(checkpoint).is_dir():
        return
    stored = sum(file.stat().st_size for file in Path(checkpoint).glob("*.safetensors"))
    if not stored:  # refused by its own name
        return
    text = config.get_text_config()
    width = _size(text, "hidden_size")
    names = ["vocab_size", "intermediate_size", "num_hidden_layers", "hidden_size"]
    if has_position_table(str(config.model_type)):
        names.append("max_position_embeddings")
    for name in names:
        if width * _size(text, name) > _TIMES_STORED * stored + _SLACK_WEIGHTS:
            raise YoyakError(
                f"model.checkpoint = {checkpoint}: can't be loaded: {name} = {_size(text, name)} at hidden_size = "
                f"{width} in its config.json, and {stored:,} bytes of weights; get the config.json that belongs to it"
            )


def _size(config: PretrainedConfig, name: str) -> int:
    value: Any = getattr(config, name, 1)
    return value if type(value) is int else 1
