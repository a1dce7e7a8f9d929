"""A GGUF file of a whole model read back: what is checked is what was written, not what was meant to be."""

import copy
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import PreTrainedModel

from ..decoder.described import describe
from ..errors import YoyakError
from .gguf_model import gguf_names, norm_offset, permuted, rotary_heads
from .gguf_settings import rope_of

_SETTINGS = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "context_length": "max_position_embeddings",
    "vocab_size": "vocab_size",
}
"""llama.cpp's names, below the architecture's, for what a config of transformers holds."""
_SOME_HAVE = {
    "attention.sliding_window": "sliding_window",
    "attention.scale": "attention_multiplier",
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
    "logit_scale": "logits_scaling",
}
"""The same of what not all architectures have."""


def read_model_gguf(path: Path, kind: Any, config: Any, dtype: torch.dtype) -> PreTrainedModel:
    """Return the model that a GGUF file holds, of the class `kind`, on the CPU, its matrices in `dtype`.

    It is built by `config`, but for sizes, rotary base and weights, which come from the file.

    Raises:
        YoyakError: the file lacks a tensor.
    """
    from accelerate import init_empty_weights

    reader = gguf.GGUFReader(path)
    config = _config(reader, config)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    config.tie_word_embeddings = "output.weight" not in tensors
    names = gguf_names(config)
    with init_empty_weights(include_buffers=False):
        read: PreTrainedModel = kind._from_config(config, dtype=dtype)
    description = describe(read)
    state = {}
    for name in read.state_dict():
        if config.tie_word_embeddings and name == "lm_head.weight":
            continue
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if theirs not in tensors:
            raise YoyakError(f"{path.name}: {name} is missing in the file that was written; export merged instead")
        values = gguf.dequantize(tensors[theirs].data, tensors[theirs].tensor_type)
        heads = rotary_heads(config, name)
        ordered = permuted(values, heads, back=True) if heads else values
        state[name] = torch.from_numpy(np.array(ordered - np.float32(norm_offset(description, name)))).to(dtype)
    read.load_state_dict(state, strict=False, assign=True)
    read.tie_weights()
    if "rope_freqs.weight" in tensors:
        rotary: Any = read.get_decoder().rotary_emb
        rotary.inv_freq = rotary.inv_freq / torch.from_numpy(np.array(tensors["rope_freqs.weight"].data))
    return read.requires_grad_(False).eval()


def _config(reader: gguf.GGUFReader, config: Any) -> Any:
    """Return a copy of a config with the sizes that a file states."""
    config = copy.deepcopy(config)
    kind = reader.fields["general.architecture"].contents()
    for theirs, ours in _SETTINGS.items():
        setattr(config, ours, reader.fields[f"{kind}.{theirs}"].contents())
    for theirs, ours in _SOME_HAVE.items():
        if f"{kind}.{theirs}" in reader.fields:
            setattr(config, ours, reader.fields[f"{kind}.{theirs}"].contents())
    rope = dict(rope_of(config))
    rope["rope_theta"] = reader.fields[f"{kind}.rope.freq_base"].contents()
    if rope["rope_type"] == "llama3":
        rope = {"rope_type": "default", "rope_theta": rope["rope_theta"]}  # the file holds factors instead
    if rope_of(config) is config.rope_parameters:
        config.rope_parameters = rope
    else:
        config.rope_parameters = config.rope_parameters | {"full_attention": rope}
    return config
