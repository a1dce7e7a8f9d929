"""Sizes of a decoder's layers, and the parameters that follow."""

from dataclasses import dataclass, replace
from functools import cached_property

from ..architectures import DELTA_PRODUCTS, PRODUCTS
from ..written_classes import NORMS, WRITTEN_TYPES
from .delta import DeltaShape
from .other_heads import OtherHeads


@dataclass(frozen=True)
class Product:
    """Matrices of one input, which are multiplied as one: the product's name, theirs, inputs, outputs of each, and how
    many layers have it.
    """

    name: str
    names: tuple[str, ...]
    inputs: int
    outputs: tuple[int, ...]
    layers: int


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a decoder, `kind` its `model_type`; `width` is the hidden size, `inner` the MLP's."""

    kind: str
    vocabulary: int
    width: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    head_width: int
    tied: bool
    biases: bool = False
    positions: int | None = None  # that the model was made for
    windows: tuple[int, ...] = ()  # how many tokens each of the layers with a window sees
    delta: DeltaShape | None = None  # of a hybrid's layers without attention
    other: OtherHeads | None = None  # of the layers that see all, where their heads are of other sizes
    values: bool = True  # whether they have a matrix of their own

    @cached_property
    def kinds(self) -> tuple["ModelShape", ...]:
        """Return the shape of the layers of each kind of attention, as that of a model which has these alone."""
        if self.other is None:
            return (self,)
        its = self.other
        rest = replace(self, layers=its.layers, windows=(), other=None)
        return (
            replace(self, layers=self.layers - its.layers, other=None),
            replace(rest, key_heads=its.key_heads, head_width=its.head_width, values=its.values),
        )

    @property
    def attention_layers(self) -> int:
        """Return how many layers have attention."""
        return self.layers - (self.delta.layers if self.delta else 0)

    @property
    def head_norms(self) -> bool:
        """Tell whether queries and keys have an RMSNorm each."""
        return WRITTEN_TYPES[self.kind].head_norms

    @property
    def value_norms(self) -> bool:
        """Tell whether values have an RMSNorm, which has no weight."""
        return WRITTEN_TYPES[self.kind].value_norms

    @property
    def capped(self) -> bool:
        """Tell whether logits may be capped."""
        return WRITTEN_TYPES[self.kind].capped

    @property
    def gated(self) -> bool:
        """Tell whether attention has an output gate."""
        return WRITTEN_TYPES[self.kind].gated

    @property
    def norms_before(self) -> bool:
        """Tell whether norms stand before attention and MLP."""
        return "before_attention" in NORMS[WRITTEN_TYPES[self.kind].norms]

    @property
    def norms_after(self) -> bool:
        """Tell whether norms stand after attention and MLP."""
        return "after_attention" in NORMS[WRITTEN_TYPES[self.kind].norms]

    @property
    def norms(self) -> int:
        """Return how many norms of the model's width a layer has."""
        return len(NORMS[WRITTEN_TYPES[self.kind].norms])

    @property
    def columns(self) -> int:
        """Return the width of queries, keys and values side by side."""
        return (self.heads + 2 * self.key_heads) * self.head_width

    @property
    def attended(self) -> int:
        """Return the width of the attention's output."""
        return self.heads * self.head_width

    @cached_property
    def layer_kinds(self) -> tuple[tuple["Product", ...], ...]:
        """Return the products of each kind of layer: with attention, and in a hybrid with a gated delta rule; or with
        attention of each kind.
        """
        if self.other is not None:
            return tuple(products for kind in self.kinds for products in kind.layer_kinds)
        attention = [self._product(product, names, self.attention_layers) for product, names in PRODUCTS.items()]
        if self.delta is None:
            return (tuple(attention),)
        delta = [self._product(product, names, self.delta.layers) for product, names in DELTA_PRODUCTS.items()]
        return tuple(attention), tuple(delta)

    def _product(self, product: str, names: tuple[str, ...], layers: int) -> "Product":
        sizes = {name: (inputs, outputs) for name, inputs, outputs, _ in self.matrices}
        names = tuple(name for name in names if name in sizes)
        return Product(product, names, sizes[names[0]][0], tuple(sizes[name][1] for name in names), layers)

    @cached_property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Return (inputs, outputs) of the matrices of a layer with attention (of the first kind), by name."""
        keys = self.key_heads * self.head_width
        gated = 2 if self.gated else 1
        return {
            "q_proj": (self.width, gated * self.attended),
            "k_proj": (self.width, keys),
            **({"v_proj": (self.width, keys)} if self.values else {}),
            "o_proj": (self.attended, self.width),
            "gate_proj": (self.width, self.inner),
            "up_proj": (self.width, self.inner),
            "down_proj": (self.inner, self.width),
        }

    @cached_property
    def matrices(self) -> tuple[tuple[str, int, int, int], ...]:
        """Return each kind of matrix: its name, inputs, outputs, and how many layers have one."""
        if self.other is not None:
            return tuple(matrix for kind in self.kinds for matrix in kind.matrices)
        every = ("gate_proj", "up_proj", "down_proj")
        counts = {name: self.layers if name in every else self.attention_layers for name in self.linears}
        found = [(name, *sizes, counts[name]) for name, sizes in self.linears.items()]
        if self.delta:
            delta = self.delta
            sizes = {"in_proj_qkv": delta.mixed, "in_proj_z": delta.values}
            sizes |= {"in_proj_b": delta.heads, "in_proj_a": delta.heads}
            found += [(name, self.width, outputs, delta.layers) for name, outputs in sizes.items()]
            found.append(("out_proj", delta.values, self.width, delta.layers))
        return tuple(found)

    @property
    def linear_parameters(self) -> int:
        """Return the parameters of all layers' matrices."""
        return sum(inputs * outputs * layers for _, inputs, outputs, layers in self.matrices)

    @property
    def table_parameters(self) -> int:
        """Return the parameters of the embeddings, and of the head where it has its own."""
        return self.vocabulary * self.width * (1 if self.tied else 2)

    @property
    def other_parameters(self) -> int:
        """Return the parameters of norms, biases and a hybrid's short convolutions."""
        if self.other is not None:
            return sum(kind.other_parameters - self.width for kind in self.kinds) + self.width
        attention = (2 * self.head_width if self.head_norms else 0) + (self.columns if self.biases else 0)
        delta = self.delta.layers * self.delta.small_parameters if self.delta else 0
        return self.layers * self.norms * self.width + self.attention_layers * attention + delta + self.width

    @property
    def parameters(self) -> int:
        """Return all parameters."""
        return self.linear_parameters + self.table_parameters + self.other_parameters
