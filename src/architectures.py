"""What is known of the models by name: one record for each architecture, tokenizer and chat layout, read by all rooms.

Here stands what a checkpoint doesn't say of itself. What its modules or its config do say is asked of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

LayoutName: TypeAlias = Literal["llama", "qwen"]
ChatTemplate: TypeAlias = Literal[LayoutName, "auto"]
"""Values of `model.chat_template`; `auto` is the tokenizer's own."""
PRODUCTS = {
    "qkv": ("q_proj", "k_proj", "v_proj"),
    "output": ("o_proj",),
    "gate_up": ("gate_proj", "up_proj"),
    "down": ("down_proj",),
}
"""Names of a layer's matrices, the same in all architectures below; those of one input are multiplied as one."""
LINEARS = tuple(name for names in PRODUCTS.values() for name in names)
DELTA_PRODUCTS = PRODUCTS | {
    "qkv": ("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a"),
    "output": ("out_proj",),
}
"""The same of a layer with a gated delta rule in place of attention (Qwen3.5)."""
DELTA_LINEARS = tuple(name for product in ("qkv", "output") for name in DELTA_PRODUCTS[product])


@dataclass(frozen=True)
class ChatLayout:
    """How the messages of a chat are written: `before_role`, role, `before_content`, content, `after_content`.

    Attributes:
        name: in `model.chat_template`.
        control_tokens: what it is written with; a tokenizer that has all of them has this layout.
        end_of_turn: the one that ends a message, and a summary.
        bos: what a chat begins with, if anything.
        pad_candidates: tokens that tokenizers of this layout keep for padding.
    """

    name: LayoutName
    before_role: str
    before_content: str
    after_content: str
    control_tokens: tuple[str, ...]
    end_of_turn: str
    bos: str | None
    pad_candidates: tuple[str, ...]


@dataclass(frozen=True)
class KnownTokenizer:
    """A tokenizer whose counts of tokens are shipped.

    Attributes:
        name: in `planner/lengths.json`.
        layout: the chat layout that those counts are of.
        vocabularies: rows of the embedding of the models that have it.
        split: the expression by which its tokenizer.json splits text before it merges, and llama.cpp's name for that;
            None where steps of other kinds split it.
    """

    name: str
    layout: ChatLayout
    vocabularies: tuple[int, ...]
    split: tuple[str, str] | None = None


@dataclass(frozen=True)
class Architecture:
    """The models of one `model_type` of transformers.

    Attributes:
        model_type: in a checkpoint's config.json, and the name of transformers' module.
        tokenizer: the one that most of them have.
    """

    model_type: str
    tokenizer: KnownTokenizer

    @property
    def layout(self) -> ChatLayout:
        """Return the chat layout of a checkpoint whose tokenizer has the control tokens of none."""
        return self.tokenizer.layout


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
        rotary_embedding: that of the class that makes the tables of rotations.
        norms: where a layer's norms stand.
        plus_one: whether a norm's factor is 1 + weight.
        head_norms: whether each head of queries and keys has a norm.
        qkv_biases: whether queries, keys and values have biases, whatever the config says of `attention_bias`.
        windows: which layers see a window: those whose `layer_types` say so, or all of a config with a window.
        rotary: how a layer is turned: `all` by one table, `kinds` by one for each kind of layer, `windows` only where
            it sees a window (in models that have windows at all), `flags` where its `use_rope` says so.
        scaled_queries: whether queries are multiplied by a factor of their position.
        logits: whether they are multiplied or divided by a config's `logits_scaling`.
        gated: whether attention has an output gate, and turns as many of a head's numbers as its table has angles for.
        delta: whether layers of the kind `linear_attention` have a gated delta rule.
        usual: what a config.json means where it leaves a setting out, as the text part of a vision-language one does.
    """

    model_type: str
    prefix: str
    package: str = ""
    decoder: str = "Model"
    embedding: str = ""
    rotary_embedding: str = "RotaryEmbedding"
    norms: NormPlaces = "before"
    plus_one: bool = False
    head_norms: bool = False
    qkv_biases: bool = False
    windows: Literal["layer_types", "config"] = "layer_types"
    rotary: Literal["all", "kinds", "windows", "flags"] = "all"
    scaled_queries: bool = False
    logits: Literal["bare", "times", "divided"] = "bare"
    gated: bool = False
    delta: bool = False
    usual: Mapping[str, int | bool] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """Return the module that has the classes."""
        package = self.package or self.model_type
        return f"transformers.models.{package}.modeling_{package}"

    @property
    def names(self) -> dict[str, str]:
        """Return the classes' names by the part of a model that each is of."""
        parts = {"layer": "DecoderLayer", "attention": "Attention", "mlp": "MLP", "norm": "RMSNorm"}
        more = {"model": "ForCausalLM", "decoder": self.decoder, "rotary": self.rotary_embedding}
        more |= {"embedding": self.embedding} if self.embedding else {}
        more |= {"delta": "GatedDeltaNet", "delta_norm": "RMSNormGated"} if self.delta else {}
        return {part: self.prefix + name for part, name in (parts | more).items()}


_LLAMA3_LAYOUT = ChatLayout(
    name="llama",
    before_role="<|start_header_id|>",
    before_content="<|end_header_id|>\n\n",
    after_content="<|eot_id|>",
    control_tokens=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    end_of_turn="<|eot_id|>",
    bos="<|begin_of_text|>",
    pad_candidates=("<|finetune_right_pad_id|>", "<|reserved_special_token_2|>"),
)
_CHATML = ChatLayout(
    name="qwen",
    before_role="<|im_start|>",
    before_content="\n",
    after_content="<|im_end|>\n",
    control_tokens=("<|im_start|>", "<|im_end|>"),
    end_of_turn="<|im_end|>",
    bos=None,
    pad_candidates=("<|endoftext|>",),
)
CHAT_LAYOUTS: dict[str, ChatLayout] = {layout.name: layout for layout in (_LLAMA3_LAYOUT, _CHATML)}

_LLAMA3 = KnownTokenizer(
    name="llama3",
    layout=_LLAMA3_LAYOUT,
    vocabularies=(128_256,),
    split=(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        "llama-bpe",
    ),
)
_QWEN = KnownTokenizer(
    name="qwen3",
    layout=_CHATML,
    vocabularies=(151_936, 151_669),
    split=(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        "qwen2",
    ),
)
_SMOLLM2 = KnownTokenizer(name="smollm2", layout=_CHATML, vocabularies=(49_152,))
TOKENIZERS = {tokenizer.name: tokenizer for tokenizer in (_LLAMA3, _QWEN, _SMOLLM2)}

ARCHITECTURES = {
    architecture.model_type: architecture
    for architecture in (
        Architecture("llama", _LLAMA3),
        Architecture("qwen2", _QWEN),
        Architecture("qwen3", _QWEN),
    )
}

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
