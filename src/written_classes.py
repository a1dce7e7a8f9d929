"""The classes of transformers whose `forward` the hand-written decoder computes: one record each.

A class's name doesn't tell what its `forward` does with its modules and its config: that is said here. All else is read
of the modules themselves (`decoder/described.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

NormPlaces: TypeAlias = Literal["before", "after", "around", "around_numbered"]
NORMS: dict[NormPlaces, dict[str, str]] = {
    "before": {"before_attention": "input_layernorm", "before_mlp": "post_attention_layernorm"},
    "after": {"after_attention": "post_attention_layernorm", "after_mlp": "post_feedforward_layernorm"},
    "around": {
        "before_attention": "input_layernorm",
        "after_attention": "post_attention_layernorm",
        "before_mlp": "pre_feedforward_layernorm",
        "after_mlp": "post_feedforward_layernorm",
    },
    "around_numbered": {
        "before_attention": "input_layernorm",
        "after_attention": "post_norm1",
        "before_mlp": "post_attention_layernorm",
        "after_mlp": "post_norm2",
    },
}
"""Names of a layer's norms by where they stand; the same name stands for another place in another class."""


@dataclass(frozen=True)
class WrittenClasses:
    """The classes of one package of transformers whose `forward` the hand-written decoder computes.

    A class's name doesn't tell what its `forward` does with its modules and its config: that is said here. All else is
    read of the modules themselves (`decoder/described.py`).

    Attributes:
        model_type: in a checkpoint's config.json.
        prefix: of the classes' names.
        package: in `transformers.models`, where it isn't the model's type.
        decoder: the rest of the name of the class that has the layers.
        embedding: that of a class of embeddings of its own, if any.
        layer_prefix: what stands before the names of a layer's classes, besides.
        rotary_embedding: that of the class that makes the tables of rotations.
        norms: where a layer's norms stand.
        plus_one: whether a norm's factor is 1 + weight.
        head_norms: whether each head of queries and keys has a norm.
        value_norms: whether each head of values has one, without a weight.
        qkv_biases: whether queries, keys and values have biases, whatever the config says of `attention_bias`.
        windows: which layers see a window: those whose `layer_types` say so, or all of a config with a window.
        rotary: how a layer is turned: `all` by one table, `kinds` by one for each kind of layer, `windows` only where
            it sees a window (in models that have windows at all), `flags` where its `use_rope` says so.
        scaled_queries: whether queries are multiplied by a factor of their position.
        logits: whether they are multiplied or divided by a config's `logits_scaling`.
        gated: whether attention has an output gate, and turns as many of a head's numbers as its table has angles for.
        delta: whether layers of the kind `linear_attention` have a gated delta rule.
        capped: whether logits are capped by a config's `final_logit_softcapping`.
        reads: settings that the description accounts for in these classes alone.
        usual: what a config.json means where it leaves a setting out, as the text part of a vision-language one does.
    """

    model_type: str
    prefix: str
    package: str = ""
    decoder: str = "Model"
    embedding: str = ""
    layer_prefix: str = ""
    rotary_embedding: str = "RotaryEmbedding"
    norms: NormPlaces = "before"
    plus_one: bool = False
    head_norms: bool = False
    value_norms: bool = False
    qkv_biases: bool = False
    windows: Literal["layer_types", "config"] = "layer_types"
    rotary: Literal["all", "kinds", "windows", "flags"] = "all"
    scaled_queries: bool = False
    logits: Literal["bare", "times", "divided"] = "bare"
    gated: bool = False
    delta: bool = False
    capped: bool = False
    reads: tuple[str, ...] = ()
    usual: Mapping[str, int | bool] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """Return the module that has the classes."""
        package = self.package or self.model_type
        return f"transformers.models.{package}.modeling_{package}"

    @property
    def names(self) -> dict[str, str]:
        """Return the classes' names by the part of a model that each is of."""
        parts = {"layer": "DecoderLayer", "attention": "Attention", "mlp": "MLP"}
        parts = {part: self.layer_prefix + name for part, name in parts.items()}
        more = {"norm": "RMSNorm", "model": "ForCausalLM", "decoder": self.decoder, "rotary": self.rotary_embedding}
        more |= {"embedding": self.embedding} if self.embedding else {}
        more |= {"delta": "GatedDeltaNet", "delta_norm": "RMSNormGated"} if self.delta else {}
        return {part: self.prefix + name for part, name in (parts | more).items()}


_GEMMA4 = WrittenClasses(
    "gemma4_text",
    "Gemma4",
    package="gemma4",
    decoder="TextModel",
    embedding="TextScaledWordEmbedding",
    layer_prefix="Text",
    rotary_embedding="TextRotaryEmbedding",
    norms="around",
    head_norms=True,
    value_norms=True,
    rotary="kinds",
    capped=True,
    reads=(
        "attention_k_eq_v",
        "enable_moe_block",
        "final_logit_softcapping",
        "hidden_size_per_layer_input",
        "moe_intermediate_size",
        "num_experts",
        "num_kv_shared_layers",
        "per_layer_config",
        "top_k_experts",
        "use_bidirectional_attention",
        "use_double_wide_mlp",
        "vocab_size_per_layer_input",
    ),
    usual={
        "vocab_size": 262_144,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 30,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131_072,
        "sliding_window": 512,
        "tie_word_embeddings": True,
        "hidden_size_per_layer_input": 256,
    },
)
_GEMMA4_UNIFIED = replace(  # the 12B, whose class has neither experts nor embeddings by layer
    _GEMMA4,
    model_type="gemma4_unified_text",
    prefix="Gemma4Unified",
    package="gemma4_unified",
    usual={
        **{name: value for name, value in _GEMMA4.usual.items() if name != "hidden_size_per_layer_input"},
        "max_position_embeddings": 262_144,
        "sliding_window": 1024,
    },
)

WRITTEN = {
    f"{classes.module}.{classes.names['model']}": classes
    for classes in (
        WrittenClasses("llama", "Llama"),
        WrittenClasses("qwen2", "Qwen2", qkv_biases=True),
        WrittenClasses("qwen3", "Qwen3", head_norms=True),
        WrittenClasses(
            "gemma3_text",
            "Gemma3",
            package="gemma3",
            decoder="TextModel",
            embedding="TextScaledWordEmbedding",
            norms="around",
            plus_one=True,
            head_norms=True,
            rotary="kinds",
            usual={
                "vocab_size": 262_208,
                "hidden_size": 2304,
                "intermediate_size": 9216,
                "num_hidden_layers": 26,
                "num_attention_heads": 8,
                "num_key_value_heads": 4,
                "head_dim": 256,
                "max_position_embeddings": 131_072,
                "sliding_window": 4096,
                "sliding_window_pattern": 6,
                "tie_word_embeddings": True,
            },
        ),
        _GEMMA4,
        _GEMMA4_UNIFIED,
        WrittenClasses("exaone4", "Exaone4", norms="after", head_norms=True, rotary="windows"),
        WrittenClasses("mistral", "Mistral", windows="config"),
        WrittenClasses("ministral", "Ministral"),
        WrittenClasses("ministral3", "Ministral3", windows="config", scaled_queries=True),
        WrittenClasses("hyperclovax", "HyperCLOVAX", norms="around_numbered", logits="times"),
        WrittenClasses("granite", "Granite", logits="divided"),
        WrittenClasses("smollm3", "SmolLM3", rotary="flags", usual={"tie_word_embeddings": True}),
        WrittenClasses(
            "qwen3_5_text",
            "Qwen3_5",
            package="qwen3_5",
            decoder="TextModel",
            rotary_embedding="TextRotaryEmbedding",
            plus_one=True,
            head_norms=True,
            gated=True,
            delta=True,
        ),
    )
}
"""What the hand-written decoder computes, by the class of a model."""
WRITTEN_TYPES = {classes.model_type: classes for classes in WRITTEN.values()}
