"""The gated delta rule of a hybrid's layers (Qwen3.5): its sizes, and what the packed engine's takes in memory."""

from dataclasses import dataclass
from typing import Any

from ..descriptions import DELTA_CHUNK


@dataclass(frozen=True)
class DeltaShape:
    """Sizes of the gated delta rule in a hybrid's other layers: keys and values of all heads, and numbers of heads."""

    layers: int
    keys: int
    values: int
    heads: int
    key_heads: int
    kernel: int

    @property
    def mixed(self) -> int:
        """Return the width of queries, keys and values, which the short convolution mixes."""
        return 2 * self.keys + self.values

    @property
    def key_width(self) -> int:
        """Return the width of a head's keys."""
        return self.keys // self.key_heads

    @property
    def head_state(self) -> int:
        """Return the numbers of all heads' states in a layer."""
        return self.key_width * self.values

    @property
    def state_bytes(self) -> int:
        """Return what a row that is continued keeps in all layers, in float32: states, and what is convolved still."""
        return 4 * self.layers * (self.head_state + (self.kernel - 1) * self.mixed)

    @property
    def small_parameters(self) -> int:
        """Return the parameters of a layer besides its matrices: convolution, decays, a norm of a head's width."""
        return self.mixed * self.kernel + 2 * self.heads + self.values // self.heads


def delta_of(config: dict[str, Any]) -> DeltaShape:
    """Return the delta rule's sizes; what a `config.json` leaves out is as transformers has it."""
    layers, kinds = int(config["num_hidden_layers"]), config.get("layer_types")
    attention = kinds.count("full_attention") if kinds else layers // int(config.get("full_attention_interval", 4))
    heads, key_heads = (
        int(config.get(f"linear_num_{kind}_heads", usual)) for kind, usual in (("value", 32), ("key", 16))
    )
    return DeltaShape(
        layers=layers - attention,
        keys=key_heads * int(config.get("linear_key_head_dim", 128)),
        values=heads * int(config.get("linear_value_head_dim", 128)),
        heads=heads,
        key_heads=key_heads,
        kernel=int(config.get("linear_conv_kernel_dim", 4)),
    )


def delta_tensors(delta: DeltaShape, tokens: int, e: int, fill: float = 1.0) -> dict[str, int]:
    """Return the bytes of what the graph of a gated delta rule saves, which lives for one layer's backward alone.

    In float32; by the lines of `decoder/gated_delta.py` and `kernels/gated_delta_rule.py`. Chunks have `fill` places a
    token.
    """
    group = delta.heads // delta.key_heads
    keys_of_heads = group * delta.keys
    by_token = {
        "mixed": delta.mixed + delta.values + 2 * delta.heads if e != 4 else 0,
        "convolved": 2 * delta.mixed,
        "normed": 3 * delta.values,
    }
    by_place = {
        "laid_out": 6 * delta.keys + delta.values,  # and once more, contiguous, for each product
        "squares": DELTA_CHUNK * (4 * delta.heads + 2 * delta.key_heads),
        "solved": delta.values + keys_of_heads,
        "scaled_keys": 2 * keys_of_heads,
        "new": delta.values,
        "decays": 24 * delta.heads,  # and rates, about
        "states": 1.5 * delta.head_state / DELTA_CHUNK,
    }
    sizes = {name: 4 * tokens * columns for name, columns in by_token.items()}
    return sizes | {name: int(4 * tokens * fill * columns) for name, columns in by_place.items()}


def flash_delta_tensors(delta: DeltaShape, tokens: int, e: int, fill: float = 1.0) -> dict[str, int]:
    """Return the bytes of what lives at the peak of a rule's backward by Flash Linear Attention 0.6, about: what it
    saved, what it computes again, and gradients, in the type of its input; `fill` as in `delta_tensors`.
    """
    keys_of_heads = delta.heads // delta.key_heads * delta.keys
    columns = {
        "values": 12 * delta.values,  # and gradients, of what is read, of gates, of weighted values
        "keys": 2 * delta.keys + 4 * keys_of_heads,  # of length 1, with queries; weighted ones, and gradients by head
        "solved": DELTA_CHUNK * delta.heads,
    }
    states = int(2 * e * tokens * fill * delta.head_state / DELTA_CHUNK)
    return {name: e * tokens * count for name, count in columns.items()} | {"states": states}


def delta_work(delta: DeltaShape, tokens: int, examples: int, e: int, flash: bool = False) -> int:
    """Return the bytes of the rule's backward: its graph, and gradients of a part of that at a time.

    The part was found by counting the tensors that live on a CPU; a wide copy of the input makes it smaller in 16 bit.
    With `flash` they are those of Flash Linear Attention, and 5% more, which a second level of sequences takes.
    """
    fill = 1 + examples * DELTA_CHUNK / 2 / tokens  # half of each example's last chunk is empty, about
    if flash:
        return int(1.05 * sum(flash_delta_tensors(delta, tokens, e, fill).values()))
    return int((1.5 if e == 4 else 1.25) * sum(delta_tensors(delta, tokens, e, fill).values()))
