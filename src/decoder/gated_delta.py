"""What a layer has in place of attention between its products: a short convolution and a gated delta rule (Qwen3.5).

An island of autograd: the backward computes it again, so that a layer keeps only the first product's output. On a GPU
Flash Linear Attention's kernels compute it where they can (`flash_delta_obstacle`), else operations of torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from ..bilingual import Text
from ..descriptions import DecoderDescription, DeltaDescription
from ..kernels.gated_delta_rule import delta_step, gated_delta_rule, short_convolution
from ..kernels.heads import Sequences
from ..kernels.requirements import flash_delta_obstacle
from .attention import Cache
from .gradient_buffer import GradientPart
from .layer_state import Rotaries

_EPS = 1e-6  # of the length of queries and keys, in transformers' own and in Flash Linear Attention


def delta_kernels(description: DecoderDescription, device: torch.device) -> Text | None:
    """Return what computes a decoder's gated delta rules on a GPU, in words; None where it has none, or on a CPU."""
    widths = [one.attention.key_width for one in description.layers if isinstance(one.attention, DeltaDescription)]
    if not widths or device.type != "cuda":
        return None
    obstacle = flash_delta_obstacle(device, max(widths))
    if obstacle is None:
        return Text("Flash Linear Attention's kernels", "Flash Linear Attention의 커널")
    return Text(
        f"torch's own operations, not Flash Linear Attention's kernels ({obstacle})",
        f"torch 자체 연산(Flash Linear Attention 커널을 쓰지 않음: {obstacle.ko})",
    )


@dataclass
class _DeltaState:
    mixed: torch.Tensor
    weights: "_Weights | None" = None  # this and the next where the graph is kept
    output: torch.Tensor | None = None
    states: torch.Tensor | None = None


@dataclass(frozen=True)
class _Weights:
    """The rule's own weights: of the convolution (channels, kernel), the decays, their biases, and the norm."""

    convolution: torch.Tensor
    decays: torch.Tensor
    decay_biases: torch.Tensor
    norm: torch.Tensor

    def all(self) -> tuple[torch.Tensor, ...]:
        return self.convolution, self.decays, self.decay_biases, self.norm


class GatedDelta:
    """A gated delta rule; methods as those of `Attention`.

    Attributes:
        grad_convolution: sum of the gradients of the convolution's weight, where it trains; the others likewise.
    """

    by_place = False

    def __init__(self, module: Any, description: DeltaDescription) -> None:
        """Take transformers' module and its description."""
        self.module, self.description = module, description
        self.grad_convolution: torch.Tensor | None = None
        self.grad_decays: torch.Tensor | None = None
        self.grad_decay_biases: torch.Tensor | None = None
        self.grad_norm: torch.Tensor | None = None

    def gradient_parts(self) -> Iterator[GradientPart]:
        """Yield the places of its own weights' gradients."""
        yield GradientPart(self, "grad_convolution", [self.module.conv1d.weight])
        yield GradientPart(self, "grad_decays", [self.module.A_log])
        yield GradientPart(self, "grad_decay_biases", [self.module.dt_bias])
        yield GradientPart(self, "grad_norm", [self.module.norm.weight])

    def forward(
        self, mixed: torch.Tensor, rotaries: Rotaries, sequences: Sequences, out: torch.Tensor, last: bool = False
    ) -> _DeltaState:
        """See `Attention.forward`; where the backward comes next, the graph is kept for it."""
        if last:
            state = self._with_graph(mixed, sequences)
            assert state.output is not None
            out.copy_(state.output.detach())
            return state
        output, states = self._computed(mixed, self._weights(), sequences)
        out.copy_(output)
        return _DeltaState(mixed, states=states)

    def backward(
        self, grad: torch.Tensor, state: _DeltaState, rotaries: Rotaries, sequences: Sequences
    ) -> torch.Tensor:
        """See `Attention.backward`."""
        if state.output is None:
            state = self._with_graph(state.mixed, sequences)
        assert state.output is not None
        assert state.weights is not None
        sums = self.grad_convolution, self.grad_decays, self.grad_decay_biases, self.grad_norm
        trained = [(total, x) for total, x in zip(sums, state.weights.all(), strict=True) if total is not None]
        inputs = [state.mixed, *(x for _, x in trained)]
        found = torch.autograd.grad(state.output, inputs, grad.to(state.output.dtype))
        for (total, _), gradient in zip(trained, found[1:], strict=True):
            total.add_(gradient.view(total.shape))
        return found[0]

    def step(
        self, mixed: torch.Tensor, rotaries: Rotaries, cache: Cache, lengths: torch.Tensor, out: torch.Tensor
    ) -> None:
        """See `Attention.step`."""
        weights, (past, state) = self._weights(), cache
        qkv, gates, rates, decays = self._parts(_wide(mixed))
        window = torch.cat([past, qkv[:, None]], dim=1)  # (rows, kernel, channels)
        past.copy_(window[:, 1:])
        convolved = (window * weights.convolution.t()).sum(1)
        queries, keys, values = self._heads(nn.functional.silu(convolved))
        group = self.description.heads // self.description.key_heads
        queries, keys = (x.repeat_interleave(group, dim=1) for x in (queries, keys))
        with _in_own_types(mixed):
            read = delta_step(queries, keys, values, _decays(decays, weights), torch.sigmoid(rates), state)
        out.copy_(self._gated(read, gates, weights))

    def new_cache(self, rows: int, places: int, like: torch.Tensor) -> Cache:
        """Return an empty cache: what the convolution still sees (rows, kernel - 1, channels), and the heads' states
        (rows, heads, key width, value width), both at least in float32.
        """
        of, wide = self.description, torch.promote_types(like.dtype, torch.float32)
        past = like.new_zeros(rows, of.kernel - 1, of.mixed, dtype=wide)
        return past, like.new_zeros(rows, of.heads, of.key_width, of.width, dtype=wide)

    def fill(self, cache: Cache, state: _DeltaState, sequences: Sequences, rows: torch.Tensor) -> None:
        """See `Attention.fill`."""
        assert state.states is not None
        past, states = cache
        states[rows] = state.states
        past[rows] = 0.0
        spans = list(pairwise(sequences.starts))
        for distance in range(1, self.description.kernel):
            some = [(number, end - distance) for number, (begin, end) in enumerate(spans) if end - distance >= begin]
            if some:
                numbers, tokens = torch.tensor(some, device=rows.device).T
                seen = state.mixed[tokens, : self.description.mixed]
                past[rows[numbers], -distance] = seen.to(past.dtype)

    def _with_graph(self, mixed: torch.Tensor, sequences: Sequences) -> _DeltaState:
        weights = self._weights()
        trains = self.grad_convolution is not None
        with torch.enable_grad():
            mixed = mixed.detach().requires_grad_()
            for weight in weights.all() if trains else ():
                weight.requires_grad_()
            output, _ = self._computed(mixed, weights, sequences)
        return _DeltaState(mixed, weights, output)

    def _computed(
        self, mixed: torch.Tensor, weights: _Weights, sequences: Sequences
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the output (tokens, values), and where more tokens will follow the states after all sequences."""
        trains = not sequences.continued  # or is evaluated, which is to compute as the training does
        flash = flash_delta_obstacle(mixed.device, self.description.key_width, trains) is None
        qkv, gates, rates, decays = self._parts(mixed if flash else _wide(mixed))
        rules = _decays(decays, weights), torch.sigmoid(rates)
        if flash:
            from ..kernels.cuda.gated_delta_rule import flash_gated_delta_rule

            read, states = flash_gated_delta_rule(
                qkv, weights.convolution, *rules, self.description, sequences.levels, sequences.continued
            )
        else:
            convolved = short_convolution(qkv, weights.convolution, sequences.chunks)
            heads = self._heads(nn.functional.silu(convolved))
            with _in_own_types(mixed):
                read, states = gated_delta_rule(*heads, *rules, sequences.chunks, sequences.continued)
        return self._gated(_wide(read), gates, weights).to(mixed.dtype), states

    def _weights(self) -> _Weights:
        """Return the weights as they are now, at least in float32, without a graph."""
        own = self.module
        convolution = own.conv1d.weight.detach().squeeze(1)
        every = convolution, own.A_log.detach(), own.dt_bias.detach(), own.norm.weight.detach()
        return _Weights(*(_wide(x) for x in every))

    def _parts(self, mixed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return of the first product's output what is convolved, then gates, rates and decays at least in float32."""
        of = self.description
        qkv, *others = torch.split(mixed, [of.mixed, of.values, of.heads, of.heads], dim=1)
        gates, rates, decays = map(_wide, others)
        return qkv, gates, rates, decays

    def _heads(self, qkv: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return queries, keys and values by head, queries and keys made of length 1, queries scaled."""
        of = self.description
        queries, keys, values = torch.split(qkv, [of.keys, of.keys, of.values], dim=1)
        queries, keys = (_of_length_1(x.reshape(len(x), of.key_heads, of.key_width)) for x in (queries, keys))
        return queries * of.key_width**-0.5, keys, values.reshape(len(values), of.heads, of.width)

    def _gated(self, read: torch.Tensor, gates: torch.Tensor, weights: _Weights) -> torch.Tensor:
        """Return what the heads read (tokens, heads, width), normed and gated, side by side."""
        normal = nn.functional.rms_norm(read, read.shape[-1:], weights.norm, self.description.norm.eps)
        return normal.flatten(1) * nn.functional.silu(gates)


def _decays(decays: torch.Tensor, weights: _Weights) -> torch.Tensor:
    return -weights.decays.exp() * nn.functional.softplus(decays + weights.decay_biases)


def _of_length_1(x: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + _EPS)


def _in_own_types(x: torch.Tensor) -> torch.autocast:
    """Return a context without autocast, which would compute the rule's products, and so its states, in 16 bit."""
    return torch.autocast(x.device.type, enabled=False)


def _wide(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
