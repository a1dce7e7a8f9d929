"""A model's sizes, windows, rotations and factors as GGUF metadata."""

from typing import Any

import gguf

from ..descriptions import DecoderDescription
from .gguf_architectures import GGUFArchitecture

_LOCAL_THETA = 10_000.0  # of layers with windows in Gemma 3, which older releases of llama.cpp don't read of the file
_YARN_AS_USUAL = {"beta_fast": 32.0, "beta_slow": 1.0, "truncate": True, "attention_factor": None}


def rope_of(config: Any) -> dict[str, Any]:
    """Return the rotary settings of a config's layers; where kinds of layers differ, of those without a window."""
    rope: dict[str, Any] = config.rope_parameters.get("full_attention", config.rope_parameters)
    return rope


def uncomputed_rope(its: GGUFArchitecture, config: Any) -> str | None:
    """Return, in words, what of a config's rotations llama.cpp would compute otherwise; None where there is nothing."""
    rope = rope_of(config)
    if rope["rope_type"] not in its.ropes:
        return f"rotary scaling {rope['rope_type']}"
    if rope["rope_type"] == "yarn":
        mscales = [rope.get(name) for name in ("mscale", "mscale_all_dim")]
        wanted = 1.0 if its.scaled_queries else None  # the rotations' factor: 1, or one that grows with the scaling's
        usual = all(rope.get(name) in (None, value) for name, value in _YARN_AS_USUAL.items())
        if not usual or mscales != [wanted, wanted]:
            return "yarn with settings of its own"
    local = config.rope_parameters.get("sliding_attention")
    if local is not None and (local["rope_type"], local["rope_theta"]) != ("default", _LOCAL_THETA):
        return "these rotary positions in layers with a sliding window"
    return None


def add_settings(
    writer: gguf.GGUFWriter,
    its: GGUFArchitecture,
    config: Any,
    description: DecoderDescription,
    name: str,
    file_type: gguf.LlamaFileType,
) -> None:
    """Add what a model is to a GGUF file under way; `uncomputed` has nothing against it, so its layers are of one size.

    `name` is for people.
    """
    layer = description.layers[0]
    attention = description.attentions[0]
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(description.width)
    writer.add_block_count(len(description.layers))
    writer.add_feed_forward_length(layer.inner)
    writer.add_head_count(attention.heads)
    writer.add_head_count_kv(attention.key_heads)
    writer.add_key_length(attention.width)
    writer.add_value_length(attention.width)
    writer.add_layer_norm_rms_eps(description.norm.eps)
    writer.add_rope_dimension_count(attention.width)
    _add_windows(writer, description)
    _add_rope(writer, config)
    if attention.query_scale is not None:
        writer.add_attn_temperature_scale(attention.query_scale.beta)
        writer.add_rope_scaling_yarn_log_mul(1.0)
    if its.scales:
        writer.add_attention_scale(attention.scale)
        writer.add_embedding_scale(description.embedding_scale)
        writer.add_residual_scale(layer.residual_scale)
        writer.add_logit_scale(1 / description.head_scale)


def _add_windows(writer: gguf.GGUFWriter, description: DecoderDescription) -> None:
    windows = [attention.window for attention in description.attentions]
    window = next(filter(None, windows), None)
    if window is not None:
        writer.add_sliding_window(window)
        writer.add_sliding_window_pattern([window is not None for window in windows])


def _add_rope(writer: gguf.GGUFWriter, config: Any) -> None:
    rope = rope_of(config)
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if rope is not config.rope_parameters:
        writer.add_rope_freq_base_swa(_LOCAL_THETA)
    kind = rope["rope_type"]
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(float(rope["factor"]))
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))
