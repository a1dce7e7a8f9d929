"""transformers' own gated delta rule (Qwen3.5) where Flash Linear Attention's kernels are not to train it.

transformers calls them wherever that library can be imported, on a CPU too, and then a Hopper GPU with some versions of
Triton refuses the backward.
"""

import inspect
import logging
import sys
from typing import Any

from ..bilingual import Text
from ..kernels.requirements import flash_delta_obstacle

_RULE = "torch_chunk_gated_delta_rule"  # which transformers wraps in the choice of kernels


def train_own_delta_rule(model: Any) -> Text | None:
    """Let transformers' rules be computed by its operations of torch where the library's kernels can't train them.

    For the rest of the process. Returns why, in words; None where the model has no such rule, or where the kernels can,
    which are compiled for minutes the first time: that is said.
    """
    device = model.get_input_embeddings().weight.device
    for module in model.modules():
        source = sys.modules[type(module).__module__]
        if not hasattr(module, "head_k_dim") or not hasattr(source, _RULE):
            continue
        obstacle = flash_delta_obstacle(device, module.head_k_dim)
        if obstacle is not None:
            setattr(source, _RULE, inspect.unwrap(getattr(source, _RULE)))
            return obstacle
        logging.getLogger("yoyak").info(
            "Flash Linear Attention's kernels are compiled in a machine's first run: minutes"
        )
        break
    return None
