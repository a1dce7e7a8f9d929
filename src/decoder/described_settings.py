"""Which settings of a config a description accounts for; what is neither read nor usual is an obstacle by its name."""

from typing import Any

from transformers import PreTrainedConfig

from ..bilingual import Text

_READ = frozenset(
    {
        "attention_bias",
        "attention_multiplier",
        "embedding_multiplier",
        "head_dim",
        "hidden_act",
        "hidden_activation",
        "hidden_size",
        "intermediate_size",
        "layer_types",
        "linear_conv_kernel_dim",
        "linear_key_head_dim",
        "linear_num_key_heads",
        "linear_num_value_heads",
        "linear_value_head_dim",
        "logits_scaling",
        "mlp_bias",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "query_pre_attn_scalar",
        "residual_multiplier",
        "rms_norm_eps",
        "rope_parameters",
        "sliding_window",
        "tie_word_embeddings",
        "vocab_size",
    }
)
"""Settings that show in the modules, or that are read here."""
_OF_OTHERS = frozenset(
    {
        "_sliding_window_pattern",  # see `max_window_layers`
        "attention_dropout",  # an obstacle to training alone, which asks for it
        "bos_token_id",
        "eos_token_id",
        "initializer_range",
        "max_position_embeddings",
        "max_window_layers",  # of which `layer_types` were made
        "no_rope_layer_interval",  # of which each layer's `use_rope` was made
        "no_rope_layers",
        "pad_token_id",
        "pretraining_tp",  # without effect since transformers 4.48
        "sliding_window_pattern",  # see `max_window_layers`
        "use_cache",
        "use_sliding_window",  # see `max_window_layers`
    }
)
"""Settings that no layer's values depend on."""

_BY_LAYER = frozenset({"head_dim", "num_key_value_heads"})
"""Settings that may differ by layer: they show in its modules."""


class Undescribed(Exception):
    """What stands against a description, in words."""

    def __init__(self, words: Text) -> None:
        super().__init__(words)
        self.words = words


def check_settings(config: Any, reads: tuple[str, ...] = ()) -> None:
    """Raise for a setting of the config's own class that is neither read nor as it is by default.

    A setting that its class doesn't have is read by no code of transformers. `reads` are read besides.
    """
    by_layer = sorted(set(getattr(config, "per_layer_attributes", None) or ()) - _BY_LAYER)
    if by_layer:
        raise Undescribed(Text(f"{by_layer[0]} differs by layer in its config", f"레이어마다 다른 설정: {by_layer[0]}"))
    usual, values = type(config)().to_dict(), config.to_dict()
    for name in usual.keys() - PreTrainedConfig().to_dict().keys() - _READ - _OF_OTHERS - {*reads}:
        if values.get(name) != usual[name]:
            words = f"{name} = {values.get(name)} in its config"
            raise Undescribed(Text(f"{words} is not written out", f"아직 지원하지 않는 설정: {words}"))
