"""A model's shape from its `config.json`: shipped for the models of the configs, local, cached, or from the hub."""

import glob
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..architectures import DELTA_PRODUCTS, NORMS, PRODUCTS, WRITTEN_TYPES, WrittenClasses
from ..errors import YoyakError
from ..resources import yoyak_home
from .delta import DeltaShape, delta_of
from .positions import model_positions

_SHIPPED = Path(__file__).parent / "shapes.json"
_HUB_SECONDS, _MOST_CONFIG_BYTES = 5.0, 1 << 20


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

    @property
    def attention_layers(self) -> int:
        """Return how many layers have attention."""
        return self.layers - (self.delta.layers if self.delta else 0)

    @property
    def head_norms(self) -> bool:
        """Tell whether queries and keys have an RMSNorm each."""
        return WRITTEN_TYPES[self.kind].head_norms

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
        """Return the products of each kind of layer: with attention, and in a hybrid with a gated delta rule."""
        attention = [self._product(product, names, self.attention_layers) for product, names in PRODUCTS.items()]
        if self.delta is None:
            return (tuple(attention),)
        delta = [self._product(product, names, self.delta.layers) for product, names in DELTA_PRODUCTS.items()]
        return tuple(attention), tuple(delta)

    def _product(self, product: str, names: tuple[str, ...], layers: int) -> "Product":
        sizes = {name: (inputs, outputs) for name, inputs, outputs, _ in self.matrices}
        return Product(product, names, sizes[names[0]][0], tuple(sizes[name][1] for name in names), layers)

    @cached_property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Return (inputs, outputs) of the matrices of a layer with attention, by name."""
        keys = self.key_heads * self.head_width
        gated = 2 if self.gated else 1
        return {
            "q_proj": (self.width, gated * self.attended),
            "k_proj": (self.width, keys),
            "v_proj": (self.width, keys),
            "o_proj": (self.attended, self.width),
            "gate_proj": (self.width, self.inner),
            "up_proj": (self.width, self.inner),
            "down_proj": (self.inner, self.width),
        }

    @cached_property
    def matrices(self) -> tuple[tuple[str, int, int, int], ...]:
        """Return each kind of matrix: its name, inputs, outputs, and how many layers have one."""
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
        attention = (2 * self.head_width if self.head_norms else 0) + (self.columns if self.biases else 0)
        delta = self.delta.layers * self.delta.small_parameters if self.delta else 0
        return self.layers * self.norms * self.width + self.attention_layers * attention + delta + self.width

    @property
    def parameters(self) -> int:
        """Return all parameters."""
        return self.linear_parameters + self.table_parameters + self.other_parameters


def shape_of_config(config: dict[str, Any], where: str) -> ModelShape:
    """Return the shape that a `config.json` describes.

    Raises:
        YoyakError: a kind of model that is not known, or a size that is missing.
    """
    text = config.get("text_config")
    if isinstance(text, dict):  # of a model that sees or hears too, of which the text part is trained
        tied = config.get("tie_word_embeddings")  # the whole's head is what is meant
        config = text if tied is None else text | {"tie_word_embeddings": tied}
    kind = str(config.get("model_type"))
    if kind not in WRITTEN_TYPES:
        raise YoyakError(f"{where}: models of type {kind} can't be planned; those of {', '.join(WRITTEN_TYPES)} can")
    classes = WRITTEN_TYPES[kind]
    config = {**classes.usual, **{name: value for name, value in config.items() if value is not None}}
    try:
        heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
        return ModelShape(
            kind=kind,
            vocabulary=int(config["vocab_size"]),
            width=width,
            inner=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            key_heads=int(config.get("num_key_value_heads") or heads),
            head_width=int(config.get("head_dim") or width // heads),
            tied=bool(config.get("tie_word_embeddings", False)),
            biases=classes.qkv_biases or bool(config.get("attention_bias")),
            positions=model_positions(config),
            windows=_windows(config, classes),
            delta=delta_of(config) if classes.delta else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise YoyakError(f"{where}: no usable {error} in the model's config.json") from None


def _windows(config: dict[str, Any], classes: WrittenClasses) -> tuple[int, ...]:
    """Return the windows of the layers that have one."""
    window, layers = config.get("sliding_window"), int(config["num_hidden_layers"])
    if window is None:
        return ()
    kinds, pattern = config.get("layer_types"), config.get("sliding_window_pattern")
    if classes.windows == "config":
        windowed = layers
    elif kinds is not None:
        windowed = list(kinds).count("sliding_attention")
    elif isinstance(pattern, int) and pattern > 0:
        windowed = sum(index % pattern != 0 for index in range(1, layers + 1))
    elif config.get("use_sliding_window"):
        windowed = max(layers - int(config.get("max_window_layers", layers)), 0)
    else:
        windowed = 0
    return (int(window),) * windowed


def find_shape(checkpoint: str) -> tuple[ModelShape, str]:
    """Return a checkpoint's shape and where it comes from: `shipped`, a file, or `hub`.

    Raises:
        YoyakError: neither shipped, nor local, nor in the cache, nor reachable.
    """
    local = Path(os.path.expanduser(checkpoint)) / "config.json"
    if os.path.isfile(local):  # Path.is_file raises for names that are too long
        return shape_of_config(_read(local), checkpoint), str(local)
    shipped: dict[str, dict[str, Any]] = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    if checkpoint in shipped:
        return shape_of_config(shipped[checkpoint], checkpoint), "shipped"
    cached = cached_file(checkpoint, "config.json")
    if cached is not None:
        return shape_of_config(_read(cached), checkpoint), str(cached)
    if not checkpoint.startswith((".", "/", "~", "bundled:")) and checkpoint.count("/") == 1:
        config = _from_hub(checkpoint)
        if config is not None:
            return shape_of_config(config, checkpoint), "hub"
    raise YoyakError(
        f"model.checkpoint = {checkpoint}: its shape is neither shipped nor found in a folder, in the cache or on the "
        f"hub; name a folder with its config.json, or one of {', '.join(shipped)}"
    )


def cached_file(checkpoint: str, name: str) -> Path | None:
    """Return a file of a checkpoint in a local folder, among converted models, or in the hub's cache; None if none."""
    local = Path(os.path.expanduser(checkpoint)) / name
    if os.path.isfile(local):
        return local
    if checkpoint.startswith("bundled:"):
        return _latest(yoyak_home() / "models", f"{glob.escape(checkpoint.removeprefix('bundled:'))}-*/{name}")
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return _latest(hub, f"models--{glob.escape(checkpoint.replace('/', '--'))}/snapshots/*/{name}")


def _latest(folder: Path, pattern: str) -> Path | None:
    """Return the last file of a pattern; None where there is none, or a name in it that no disk has."""
    with suppress(OSError, ValueError):
        return max(folder.glob(pattern), default=None)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise YoyakError(f"{path}: can't be read as a model's config ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise YoyakError(f"{path}: is no model's config")
    return content


def _from_hub(checkpoint: str) -> dict[str, Any] | None:
    """Ask the hub for the config alone, a few kilobytes; None where it can't be had."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return None
    from urllib.request import Request, urlopen

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if not endpoint.startswith(("https://", "http://")):
        return None
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = Request(f"{endpoint}/{checkpoint}/resolve/main/config.json", headers=headers)
        with urlopen(request, timeout=_HUB_SECONDS) as answer:  # nosec B310 - http only
            content = json.loads(answer.read(_MOST_CONFIG_BYTES))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
