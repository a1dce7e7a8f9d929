"""The attention of a layer between its products: plain, or with a gate and heads that are turned in part.

What stands between a layer's first product and its second has the methods of `Attention`: `gated_delta` is another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from ..descriptions import AttentionDescription
from ..kernels.cached_attention import cached_attention
from ..kernels.heads import AttentionShape, HeadNorms, Sequences
from ..kernels.packed_attention import packed_attention, packed_attention_backward
from .gradient_buffer import GradientPart
from .layer_state import Rotaries

Cache: TypeAlias = tuple[torch.Tensor, torch.Tensor]


class Attention:
    """Causal attention (`kernels.packed_attention`).

    Attributes:
        by_place: whether a cache has places, one a token; others have a state a row.
    """

    by_place = True

    def __init__(self, module: Any, description: AttentionDescription) -> None:
        """Take transformers' module and its description."""
        of = description
        self.shape = AttentionShape(of.heads, of.key_heads, of.width, of.scale, of.window)
        self.rotary, self.scales_queries = of.rotary, of.query_scale is not None
        self.norms: HeadNorms | None = None
        if of.head_norms is not None:
            self.norm_weights = [module.q_norm.weight, module.k_norm.weight]
            both = torch.stack([weight.data for weight in self.norm_weights])
            for weight, part in zip(self.norm_weights, both, strict=True):
                weight.data = part
            self.norms = HeadNorms(both, of.head_norms.eps, plus_one=of.head_norms.plus_one)

    def gradient_parts(self) -> Iterator[GradientPart]:
        """Yield the places of its own weights' gradients."""
        if self.norms is not None:
            yield GradientPart(self.norms, "gradient", self.norm_weights)

    def forward(
        self, mixed: torch.Tensor, rotaries: Rotaries, sequences: Sequences, out: torch.Tensor, last: bool = False
    ) -> Any:
        """Write its output to `out` (tokens, width), and return what the backward needs.

        Args:
            mixed: what the first product gives, (tokens, columns); not to be used again.
            rotaries: cosines and sines of the tokens' positions.
            sequences: where each begins.
            out: may be a slice of wider rows.
            last: whether the backward comes next.
        """
        mixed = self._scaled_queries(mixed, rotaries)
        return packed_attention(mixed, rotaries[self.rotary], sequences, self.shape, self.norms, out)

    def backward(self, grad: torch.Tensor, state: Any, rotaries: Rotaries, sequences: Sequences) -> torch.Tensor:
        """Return the gradient of `mixed` for `grad`, that of the output, and add to those of its own weights."""
        turned = rotaries[self.rotary]
        grad_mixed = packed_attention_backward(grad, state, turned, sequences, self.shape, self.norms)
        return self._scaled_queries(grad_mixed, rotaries)

    def step(
        self, mixed: torch.Tensor, rotaries: Rotaries, cache: Cache, lengths: torch.Tensor, out: torch.Tensor
    ) -> None:
        """Write the output of one new token a row to `out`, and take the token up in the cache; see `DecoderLayer`."""
        mixed = self._scaled_queries(mixed, rotaries)
        cached_attention(mixed, rotaries[self.rotary], cache, lengths, self.shape, self.norms, out)

    def new_cache(self, rows: int, places: int, like: torch.Tensor) -> Cache:
        """Return an empty cache, of the type of `like`: keys and values (rows, key heads, places, width)."""
        # Zeros, not whatever memory held: a masked NaN would still spoil the sum over values.
        shape = rows, self.shape.key_heads, places, self.shape.width
        return like.new_zeros(shape), like.new_zeros(shape)

    def fill(self, cache: Cache, state: Any, sequences: Sequences, rows: torch.Tensor) -> None:
        """Put what a forward has computed into rows of a cache, one a sequence."""
        lengths = torch.tensor(sequences.starts, device=rows.device).diff()
        of_token, positions = torch.repeat_interleave(rows, lengths), sequences.positions
        cache[0][of_token, :, positions], cache[1][of_token, :, positions] = state.keys_and_values()

    def _scaled_queries(self, qkv: torch.Tensor, rotaries: Rotaries) -> torch.Tensor:
        """Return queries, keys and values, or their gradients, with the queries' factors by position, in place.

        transformers multiplies after the rotation, which a factor of a whole head passes through.
        """
        if self.scales_queries:
            assert rotaries.query_factors is not None
            qkv[:, : self.shape.heads * self.shape.width] *= rotaries.query_factors
        return qkv


@dataclass(frozen=True)
class _GatedState:
    attention: Any
    output: torch.Tensor
    gate: torch.Tensor

    def keys_and_values(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.attention.keys_and_values()  # type: ignore[no-any-return]


class GatedAttention(Attention):
    """Attention whose output is multiplied by the sigmoid of a gate, and whose heads may be turned in part (Qwen3.5).

    The kernels turn whole heads, by halves, so the numbers of queries and keys are put in another order, in which those
    that turn together are as far apart as they are there; the others are turned by nothing. Scores stay what they are.
    """

    def __init__(self, module: Any, description: AttentionDescription) -> None:
        """Take transformers' module and its description."""
        super().__init__(module, description)
        heads, key_heads, width = description.heads, description.key_heads, description.width
        order = turned_order(width, width if description.turned is None else description.turned)
        queries = torch.arange(heads)[:, None] * 2 * width  # each head's gate stands behind it
        keys = 2 * heads * width + torch.arange(key_heads)[:, None] * width
        values = torch.arange(key_heads * width) + (2 * heads + key_heads) * width
        device = module.q_norm.weight.device
        self.order = order.to(device)
        self.columns = torch.cat([(queries + order).flatten(), (keys + order).flatten(), values]).to(device)
        self.gates = (queries + width + torch.arange(width)).flatten().to(device)

    def forward(
        self, mixed: torch.Tensor, rotaries: Rotaries, sequences: Sequences, out: torch.Tensor, last: bool = False
    ) -> Any:
        """See `Attention.forward`."""
        qkv, gate = mixed.index_select(1, self.columns), mixed.index_select(1, self.gates)
        output = qkv.new_empty(gate.shape)
        state = packed_attention(qkv, rotaries[self.rotary], sequences, self.shape, self._ordered_norms(), output)
        torch.mul(output, torch.sigmoid(gate), out=out)
        return _GatedState(state, output, gate)

    def backward(self, grad: torch.Tensor, state: Any, rotaries: Rotaries, sequences: Sequences) -> torch.Tensor:
        """See `Attention.backward`."""
        open_ = torch.sigmoid(state.gate)
        norms, rotary = self._ordered_norms(), rotaries[self.rotary]
        grad_qkv = packed_attention_backward(grad * open_, state.attention, rotary, sequences, self.shape, norms)
        if norms is not None and norms.gradient is not None:
            assert self.norms is not None
            assert self.norms.gradient is not None
            width = self.shape.width
            self.norms.gradient.view(2, width).index_add_(1, self.order, norms.gradient.view(2, width))
        result = grad.new_empty(len(grad), len(self.columns) + len(self.gates))
        result.index_copy_(1, self.columns, grad_qkv)
        return result.index_copy_(1, self.gates, grad * state.output * open_ * (1 - open_))

    def step(
        self, mixed: torch.Tensor, rotaries: Rotaries, cache: Cache, lengths: torch.Tensor, out: torch.Tensor
    ) -> None:
        """See `Attention.step`."""
        qkv, gate = mixed.index_select(1, self.columns), mixed.index_select(1, self.gates)
        output = qkv.new_empty(gate.shape)
        cached_attention(qkv, rotaries[self.rotary], cache, lengths, self.shape, self._ordered_norms(), output)
        torch.mul(output, torch.sigmoid(gate), out=out)

    def _ordered_norms(self) -> HeadNorms | None:
        """Return the norms with their weights in the order of `columns`, and sums of gradients of their own."""
        if self.norms is None:
            return None
        gradient = None if self.norms.gradient is None else torch.zeros_like(self.norms.gradient)
        weights = self.norms.weights[:, self.order].contiguous()
        return HeadNorms(weights, self.norms.eps, gradient, self.norms.plus_one)


def turned_order(width: int, turned: int) -> torch.Tensor:
    """Return the order of a head's numbers in which the first `turned` ones, turned by halves, are `width` / 2 apart.

    Of 8, the first 4 of which are turned (0 with 2, 1 with 3): 0 1 4 5 2 3 6 7.
    """
    half, rest = turned // 2, (width - turned) // 2
    numbers = torch.arange(width)
    return torch.cat([numbers[:half], numbers[turned : turned + rest], numbers[half:turned], numbers[turned + rest :]])
