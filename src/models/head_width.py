"""Configs whose heads are not as wide as the model's width over their number.

transformers refuses them for some classes (Llama's, from 5.0 on) although its attention is built of heads of the width
that the config names: Kanana 1.5 2.1B has 24 heads of 128 in a model of 1,792. Its fault 46082, open in 5.23:
https://github.com/huggingface/transformers/issues/46082
"""

from typing import Any

from transformers import LlamaConfig


def allow_named_head_width() -> None:
    """Let a Llama config name the width of its heads; one that leaves it out is checked as before."""
    validators = getattr(LlamaConfig, "__class_validators__", [])  # 5.17 has them too; a later release may not
    for place, validator in enumerate(validators):
        if validator is LlamaConfig.validate_architecture:
            validators[place] = validate_named_width


def validate_named_width(config: Any) -> None:
    """Refuse heads of no whole width where the config names none, as transformers does."""
    # `__post_init__` has put the quotient in where the file names no width.
    if config.head_dim == config.hidden_size // config.num_attention_heads:
        LlamaConfig.validate_architecture(config)
