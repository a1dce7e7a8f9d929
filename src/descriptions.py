"""What a decoder computes, in words of the field: one description of each layer, and of what stands around the layers.

Read from the modules that transformers built (`decoder/described.py`) or from a `config.json` (`planner/shapes.py`).
What it has no field for is not computed by the hand-written decoder: whoever reads a description refuses it by name.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

WIDEST_FLASH_KEY = 256  # of Flash Linear Attention's kernels
DELTA_CHUNK = 64  # tokens that a gated delta rule computes at a time, here and in transformers
Activation: TypeAlias = Literal["silu", "gelu_tanh"]


@dataclass(frozen=True)
class NormDescription:
    """An RMSNorm.

    Attributes:
        eps: added to the mean square.
        plus_one: whether the factor is 1 + weight, in float32, and the product rounded once.
    """

    eps: float
    plus_one: bool = False


@dataclass(frozen=True)
class QueryScale:
    """A factor of queries by their position: 1 + beta log(1 + floor(position / period)), after Llama 4's.

    Attributes:
        beta: how fast it grows.
        period: of positions that share one; it is 1 for the first so many.
    """

    beta: float
    period: int


@dataclass(frozen=True)
class AttentionDescription:
    """Causal attention of a layer.

    Attributes:
        heads: of queries.
        key_heads: of keys and values.
        width: of a head.
        scale: factor of the scores.
        head_norms: of each query and key head, before the rotation; of one kind.
        window: how many positions a token sees, its own counted; None sees all before it.
        rotary: which of the model's tables of rotations turns queries and keys: "" where it has one for all, the kind
            of layer where it has more, None where nothing is turned.
        biases: the names of its matrices that have one.
        query_scale: what queries are multiplied by besides, by their position; None where by nothing.
        turned: how many of a head's numbers, the first ones, are turned; None turns all.
        gated: whether the output is multiplied by the sigmoid of a gate as wide, whose rows in the queries' matrix
            stand behind those of each head.
        value_norm: of each head of values, without a weight; None where there is none.
        values_from_keys: whether values are what the keys' matrix gives, before the keys' norm: they have none.
    """

    heads: int
    key_heads: int
    width: int
    scale: float
    head_norms: NormDescription | None = None
    window: int | None = None
    rotary: str | None = ""
    biases: tuple[str, ...] = ()
    query_scale: QueryScale | None = None
    turned: int | None = None
    gated: bool = False
    value_norm: NormDescription | None = None
    values_from_keys: bool = False


@dataclass(frozen=True)
class DeltaDescription:
    """A gated delta rule in place of attention: a state a head, which each token reads and corrects.

    Queries, keys and values pass a short convolution and SiLU; queries and keys are made of length 1. What is read has
    a norm, and is multiplied by the SiLU of a gate.

    Attributes:
        heads: of values, each with a state.
        key_heads: of queries and keys.
        key_width: of a head of keys.
        width: of a head of values.
        kernel: how many tokens the convolution sees, its own counted.
        norm: of what each head reads.
    """

    heads: int
    key_heads: int
    key_width: int
    width: int
    kernel: int
    norm: NormDescription

    @property
    def keys(self) -> int:
        """Return the width of all keys."""
        return self.key_heads * self.key_width

    @property
    def values(self) -> int:
        """Return the width of all values."""
        return self.heads * self.width

    @property
    def mixed(self) -> int:
        """Return the width of queries, keys and values side by side."""
        return 2 * self.keys + self.values


@dataclass(frozen=True)
class LayerDescription:
    """A layer: attention, then a gated MLP, each added to what came in; and where its norms stand.

    Attributes:
        attention: see there, or what stands in its place.
        inner: width of the MLP.
        activation: of the MLP's gate.
        before_attention: the norm of the attention's input; None where there is none.
        before_mlp: that of the MLP's.
        after_attention: the norm of the attention's output, before it is added.
        after_mlp: that of the MLP's.
        residual_scale: factor of what attention and MLP add.
        output_scale: factor of the layer's output, what came in included.
        biases: the names of the MLP's matrices that have one.
    """

    attention: AttentionDescription | DeltaDescription
    inner: int
    activation: Activation
    before_attention: NormDescription | None
    before_mlp: NormDescription | None
    after_attention: NormDescription | None = None
    after_mlp: NormDescription | None = None
    residual_scale: float = 1.0
    output_scale: float = 1.0
    biases: tuple[str, ...] = ()


@dataclass(frozen=True)
class DecoderDescription:
    """A decoder.

    Attributes:
        vocabulary: rows of the embeddings.
        width: of the states.
        layers: each one's description, from the first.
        norm: before the head.
        embedding_scale: factor of the embeddings.
        head_scale: factor of the logits.
        logit_cap: c where logits z become c tanh(z / c); None where they stay as they are.
        tied: whether the head is the table of the embeddings.
    """

    vocabulary: int
    width: int
    layers: tuple[LayerDescription, ...]
    norm: NormDescription
    embedding_scale: float = 1.0
    head_scale: float = 1.0
    logit_cap: float | None = None
    tied: bool = False

    @property
    def attentions(self) -> list[AttentionDescription]:
        """Return the description of each attention, from the first layer's."""
        return [layer.attention for layer in self.layers if isinstance(layer.attention, AttentionDescription)]
