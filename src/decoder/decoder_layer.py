"""A layer of a decoder, forward, backward and one token at a time, written out.

It reads the weights of a loaded model and adds to the gradients of what trains: adapters on frozen weights, or all
weights. Written out, since autograd keeps what is not needed, casts to float32 around adapters, and launches each small
operation by itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..descriptions import DeltaDescription, LayerDescription
from ..kernels.adapted_linear import AdaptedLinear
from ..kernels.dropout import Drop
from ..kernels.heads import Sequences
from ..kernels.swiglu import swiglu, swiglu_backward
from .attention import Attention, Cache, GatedAttention
from .decoder_norm import DecoderNorm, NoNorm, scaled
from .fused_weights import LinearFactory
from .gated_delta import GatedDelta
from .layer_matrices import attention_module, projections
from .layer_state import ADAPTED_INPUTS, Drops, KnownStates, Rotaries, Saved, among, of_rows, reduced_of
from .normed_values import NormedValueAttention


def _attention(layer: Any, description: LayerDescription) -> Attention | GatedDelta:
    module, of_attention = attention_module(layer), description.attention
    if isinstance(of_attention, DeltaDescription):
        return GatedDelta(module, of_attention)
    if of_attention.value_norm is not None:
        return NormedValueAttention(module, of_attention)
    plain = not of_attention.gated and of_attention.turned is None
    return (Attention if plain else GatedAttention)(module, of_attention)


class DecoderLayer:
    """One decoder layer: norm, attention, residual, norm, SwiGLU, residual; where it is so described, norms after both.

    Attributes:
        attention: what stands between its first two products: attention, or a gated delta rule.
        norms: those of its norms that have weights.
    """

    def __init__(
        self, layer: Any, description: LayerDescription, norms: Mapping[str, DecoderNorm], factory: LinearFactory
    ) -> None:
        """Take transformers' layer, its description, its norms by their places, and what makes its products."""
        self.attention, self.activation = _attention(layer, description), description.activation
        self.norm, self.middle_norm = (norms.get(place, NoNorm()) for place in ("before_attention", "before_mlp"))
        self.after_attention, self.after_mlp = norms.get("after_attention"), norms.get("after_mlp")
        self.norms, self.residual_scale = list(norms.values()), description.residual_scale
        self.output_scale = description.output_scale
        self.projections = projections(layer)
        self.linears = tuple(factory.adapted_linear(together) for together in self.projections)
        self.qkv, self.output, self.gate_up, self.down = self.linears

    def forward(
        self,
        hidden: torch.Tensor,
        plus: torch.Tensor | None,
        rotaries: Rotaries,
        sequences: Sequences,
        drops: Drops,
        keeps_inputs: bool = False,
        rows: torch.Tensor | None = None,
        put_mixed: Callable[[torch.Tensor], None] | None = None,
    ) -> tuple[torch.Tensor, Saved]:
        """Return the MLP's output (tokens, width) and what the backward needs.

        Add `middle` to get the layer's output.

        Args:
            hidden: (tokens, width).
            plus: what is to be added to it first (in place, in one pass with the norm), or None.
            rotaries: cosines and sines of the tokens' positions.
            sequences: where each begins.
            drops: for each input, what zeroes dropped elements, or None.
            keeps_inputs: whether inputs of products are kept too, which are cheap to compute again.
            rows: the tokens whose output is needed, rising; None for all.
            put_mixed: called with what the first product gives, before that is overwritten.
        """
        known, of_input = KnownStates(hidden), (keeps_inputs, plus, rows)
        saved = self._up_to_mlp(known, rotaries, sequences, drops, *of_input, last=False, put_mixed=put_mixed)
        return self._mlp(saved, drops, keeps_inputs), saved

    def as_input(self, output: torch.Tensor, middle: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return `hidden` and `plus` of the next layer for what `forward` has returned, and its `middle`."""
        if self.output_scale == 1:
            return output, middle
        return output.add_(middle).mul_(self.output_scale), None

    def _mlp(self, saved: Saved, drops: Drops, keeps_inputs: bool) -> torch.Tensor:
        """Return the MLP's output."""
        activation = self._empty_input(self.down, saved.middle)
        swiglu(saved.gate_up, activation[:, : self.down.width], self.activation)
        self.down.load()
        output = self.down.forward(activation, of_rows(drops, saved.rows)[3])
        saved.reduced.append(reduced_of(self.down, activation, keeps_inputs))
        if keeps_inputs:
            saved.activation = activation[:, : self.down.width]
        if self.after_mlp is None:
            return scaled(output, self.residual_scale)
        saved.mlp_output, normal = output, torch.empty_like(output)
        saved.mlp_output_inverse_rms = self.after_mlp.forward(output, normal)
        return scaled(normal, self.residual_scale)

    def keep(
        self,
        known: KnownStates,
        rotaries: Rotaries,
        sequences: Sequences,
        drops: Drops,
        rows: torch.Tensor | None = None,
    ) -> Saved:
        """Run the layer as far as the backward needs it: without products whose outputs are known, and without the last
        one where no norm stands after that.

        Other arguments are as in `forward`.
        """
        saved = self._up_to_mlp(known, rotaries, sequences, drops, False, None, rows, last=True)
        if self.after_mlp is not None:
            self._mlp(saved, drops, keeps_inputs=False)
            saved.loaded.append(self.down)
        return saved

    def _up_to_mlp(
        self,
        known: KnownStates,
        rotaries: Rotaries,
        sequences: Sequences,
        drops: Drops,
        keeps_inputs: bool,
        plus: torch.Tensor | None,
        rows: torch.Tensor | None,
        last: bool,
        put_mixed: Callable[[torch.Tensor], None] | None = None,
    ) -> Saved:
        """Run the layer up to the product of gate and up; `last` says whether its backward comes next."""
        drops, hidden = of_rows(drops, rows), known.hidden
        loaded: list[AdaptedLinear] = []
        normal = self._empty_input(self.qkv, hidden)
        inverse = self.norm.forward(hidden, normal[:, : self.qkv.width], plus)
        qkv = _product(self.qkv, normal, drops[0], known.mixed, loaded)
        if put_mixed is not None:
            put_mixed(qkv)
        reduced = [reduced_of(self.qkv, normal, keeps_inputs)]
        attention_input = normal[:, : self.qkv.width] if keeps_inputs else None
        attended = self._empty_input(self.output, hidden)
        inner = attended[:, : self.output.width]
        attention = self.attention.forward(qkv, rotaries, sequences, inner, last)
        if rows is not None:
            attended = attended[rows]
        middle = output = _product(self.output, attended, drops[1], known.projected, loaded)
        reduced.append(attended[:, self.output.width :])
        output_inverse = residual = None
        if self.after_attention is not None:
            middle = torch.empty_like(output)
            output_inverse = self.after_attention.forward(output, middle)
        if self.after_attention is not None or known.projected is None:
            scaled(middle, self.residual_scale)
            residual = hidden if rows is None else hidden[rows]
        normal = self._empty_input(self.gate_up, middle)
        middle_inverse = self.middle_norm.forward(middle, normal[:, : self.gate_up.width], residual)
        gate_up = _product(self.gate_up, normal, drops[2], None, loaded)
        reduced.append(reduced_of(self.gate_up, normal, keeps_inputs))
        mlp_input = normal[:, : self.gate_up.width] if keeps_inputs else None
        inputs = attention_input, mlp_input
        saved = Saved(hidden, inverse, attention, attended, middle, middle_inverse, gate_up, reduced, rows, *inputs)
        if self.after_attention is not None:
            saved.attention_output, saved.attention_output_inverse_rms = output, output_inverse
        if last:
            saved.loaded = loaded
        return saved

    def backward(
        self, grad: torch.Tensor, saved: Saved, rotaries: Rotaries, sequences: Sequences, drops: Drops
    ) -> torch.Tensor:
        """Add to the gradients of what trains; return the gradient of the layer's input.

        `grad` is that of the layer's output (tokens, width). Of what the forward has `saved`, `gate_up` is overwritten
        and let go; `rotaries`, `sequences` and `drops` are as there.
        """
        drops = of_rows(drops, saved.rows)
        grad = grad if self.output_scale == 1 else grad * self.output_scale
        down, gate_up, output, qkv = self.linears[::-1]
        if down not in saved.loaded:
            down.load()
        grad_down = grad if self.residual_scale == 1 else grad * self.residual_scale
        if self.after_mlp is not None:
            assert saved.mlp_output is not None
            assert saved.mlp_output_inverse_rms is not None
            grad_down = self.after_mlp.backward(grad_down, saved.mlp_output, saved.mlp_output_inverse_rms)
            saved.mlp_output = None
        # What comes through the adapter is added within SwiGLU's pass: the gradient has its columns there.
        grad_activation, grad_reduced = down.base_input_gradient(grad_down)
        low_rank = (grad_reduced, down.a) if down.ranks else None
        activation = saved.activation
        if activation is None:
            activation = grad.new_empty(len(grad), down.width)
        again = None if saved.activation is not None else activation
        swiglu_backward(grad_activation, saved.gate_up, again, low_rank, drops[3], self.activation)
        grad_gate_up = saved.gate_up
        if len(saved.reduced) < ADAPTED_INPUTS:  # recomputation left the last product out
            saved.reduced.append(grad.new_empty(len(grad), down.ranks))
            down.reduce(activation, drops[3], saved.reduced[3])
        down.add_gradients(grad_down, grad_reduced, activation, saved.reduced[3], drops[3])
        del (
            activation,
            again,
            grad_activation,
            grad_reduced,
            low_rank,
            grad_down,
        )  # a part keeps the whole gradient alive

        if gate_up not in saved.loaded:
            gate_up.load()
        normal = self.middle_norm.again(saved.middle) if saved.mlp_input is None else saved.mlp_input
        grad_normal, grad_reduced = gate_up.input_gradient(grad_gate_up, drops[2])
        gate_up.add_gradients(grad_gate_up, grad_reduced, normal, saved.reduced[2], drops[2])
        grad = self.middle_norm.backward(grad_normal, saved.middle, saved.middle_inverse_rms, onto=grad)
        del grad_gate_up, grad_normal, grad_reduced, saved.gate_up

        if output not in saved.loaded:
            output.load()
        grad_output = grad if self.residual_scale == 1 else grad * self.residual_scale
        if self.after_attention is not None:
            assert saved.attention_output is not None
            assert saved.attention_output_inverse_rms is not None
            inverse = saved.attention_output_inverse_rms
            grad_output = self.after_attention.backward(grad_output, saved.attention_output, inverse)
        grad_attended, grad_reduced = output.input_gradient(grad_output, drops[1])
        output.add_gradients(grad_output, grad_reduced, saved.attended[:, : output.width], saved.reduced[1], drops[1])
        del grad_output
        if saved.rows is not None:
            grad, grad_attended = (among(len(saved.hidden), saved.rows, x) for x in (grad, grad_attended))
        grad_qkv = self.attention.backward(grad_attended, saved.attention, rotaries, sequences)
        if qkv not in saved.loaded:
            qkv.load()
        normal = self.norm.again(saved.hidden) if saved.attention_input is None else saved.attention_input
        grad_normal, grad_reduced = qkv.input_gradient(grad_qkv, drops[0])
        qkv.add_gradients(grad_qkv, grad_reduced, normal, saved.reduced[0], drops[0])
        return self.norm.backward(grad_normal, saved.hidden, saved.inverse_rms, onto=grad)

    def step(self, hidden: torch.Tensor, rotaries: Rotaries, cache: Cache, lengths: torch.Tensor) -> torch.Tensor:
        """Return the output (rows, width) for one new token a row, and take it up in the cache.

        Args:
            hidden: (rows, width).
            rotaries: cosines and sines of the new tokens' positions.
            cache: as its attention makes it.
            lengths: (rows,) tokens that a row's cache holds already, int64.
        """
        normal = self._empty_input(self.qkv, hidden)
        self.norm.forward(hidden, normal[:, : self.qkv.width])
        self.qkv.load()
        qkv = self.qkv.forward(normal, None)
        attended = self._empty_input(self.output, hidden)
        inner = attended[:, : self.output.width]
        self.attention.step(qkv, rotaries, cache, lengths, inner)
        self.output.load()
        middle = self.output.forward(attended, None)
        if self.after_attention is not None:
            middle = self.after_attention.again(middle)
        scaled(middle, self.residual_scale)
        normal = self._empty_input(self.gate_up, hidden)
        self.middle_norm.forward(middle, normal[:, : self.gate_up.width], hidden)
        self.gate_up.load()
        gate_up = self.gate_up.forward(normal, None)
        activation = self._empty_input(self.down, hidden)
        swiglu(gate_up, activation[:, : self.down.width], self.activation)
        self.down.load()
        output = self.down.forward(activation, None)
        if self.after_mlp is not None:
            output = self.after_mlp.again(output)
        return scaled(scaled(output, self.residual_scale).add_(middle), self.output_scale)

    @staticmethod
    def _empty_input(linear: AdaptedLinear, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.new_empty(len(hidden), linear.width + linear.ranks)


def _product(
    linear: AdaptedLinear,
    fused_input: torch.Tensor,
    drop: Drop | None,
    known: torch.Tensor | None,
    loaded: list[AdaptedLinear],
) -> torch.Tensor:
    """Return a product's output: the known one, or computed with weights that are loaded, which `loaded` gets.

    The last columns of `fused_input` are filled either way.
    """
    if known is not None:
        linear.fill(fused_input, drop)
        return known
    linear.load()
    loaded.append(linear)
    return linear.forward(fused_input, drop)
