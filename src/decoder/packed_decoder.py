"""Loss and gradients of packed micro-batches, of adapters or of all weights; see `decoder_layer`.

The model itself is not changed, so saving, evaluation and generation go on as before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import nn

from ..bilingual import Text
from ..data.batches.packing import MicroBatch
from ..kernels.dropout import Drop, DroppedPlaces
from ..kernels.embedding_gradient import add_embedding_gradient
from ..kernels.heads import Sequences
from ..kernels.response_loss import response_loss_and_gradient, token_losses
from ..models.causal_head import without_wrapper
from ..models.shared_layers import shared_layers_of
from .adapter_buffers import Refresh
from .decoder_norm import DecoderNorm, scaled
from .decoder_obstacle import decoder_obstacle
from .described import describe
from .gradient_buffer import GradientBuffer, GradientPart, adapter_gradients
from .host_inputs import Again, HostInputs, as_it_is
from .layer_state import ADAPTED_INPUTS, Drops, Rotaries, Saved
from .model_layers import decoder_layers, rotary_tables


class PackedDecoder:
    """Computes loss and gradients of packed micro-batches for a model with LoRA adapters, or one that trains whole.

    Attributes:
        description: of the model.
        shared: its layers, where their 4-bit weights are cut over the ranks.
        host_inputs: where layers' inputs wait then, which are most memory of long micro-batches, and what is slow to
            compute again.
        kept_layers: the last so many layers keep their activations for the backward, the others compute them again.
        keeps_inputs: whether these layers keep the inputs of their products too, which are cheap to compute again.
        dropout: probability with which an element of an adapter's input is dropped.
        captures: whether its passes can be CUDA graphs: where a recurrent state goes depends on each example's length.
        tied: whether the head's table is that of the embeddings.
        grad_embeddings: (vocabulary, width), sum of the table's gradients, where it trains.
        grad_head: the same of the head's own.
    """

    def __init__(
        self, model: Any, kept_layers: int | None = None, keeps_inputs: bool = True, float8: bool = False
    ) -> None:
        """Read the model's weights; those that are held move together (see `fused_weights`).

        With `float8`, which needs adapters, products with frozen weights are in 8 bit (see `kernels.float8`).
        """
        causal_lm = without_wrapper(model)
        decoder = causal_lm.model
        self.description = describe(causal_lm)
        self.embeddings, self.head = decoder.embed_tokens, causal_lm.lm_head
        self.norm = DecoderNorm(decoder.norm, self.description.norm)
        self.tied = self.description.tied
        self.embedding_scale, self.head_scale = self.description.embedding_scale, self.description.head_scale
        self.logit_cap = self.description.logit_cap
        self.grad_embeddings: torch.Tensor | None = None
        self.grad_head: torch.Tensor | None = None
        self.layers, self.shared = decoder_layers(causal_lm, float8), shared_layers_of(causal_lm)
        columns = [layer.qkv.outputs for layer in self.layers]
        self.host_inputs = HostInputs(self.embeddings.weight.device, columns) if self.shared is not None else None
        self.linears = [linear for layer in self.layers for linear in layer.linears]
        self.captures = len(self.description.attentions) == len(self.layers)
        self.rotary_embedding = decoder.rotary_emb
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        parts = adapter_gradients(self.linears) if isinstance(model, PeftModel) else weight_gradients(self)
        self.gradients = GradientBuffer(list(parts))
        self.refresh = Refresh(self.linears)
        self.dropout = max(linear.dropout for linear in self.linears)
        self.kept_layers = len(self.layers) if kept_layers is None else kept_layers
        self.keeps_inputs = keeps_inputs

    @torch.no_grad()
    def add_gradients(
        self,
        batch: MicroBatch,
        target_tokens: int,
        dropout_key: tuple[int, int] | None,
        passes: "Passes | None" = None,
        new_step: bool = True,
    ) -> torch.Tensor:
        """Add a micro-batch's gradients to the `.grad` of what trains; return its summed loss in nats.

        Args:
            batch: the micro-batch, on the model's device.
            target_tokens: of the whole step: the gradients are those of the step's mean loss per target token.
            dropout_key: seed and step, for the dropped elements; None turns dropout off.
            passes: how forward and backward are run; by default operation by operation.
            new_step: False where no weight has changed since the last call, and no `.grad` been reset.
        """
        key = dropout_key if self.dropout else None
        if new_step:
            self.begin_step(key)
        passes = passes or Passes(self)
        loss, grad = self.head_gradient(passes.forward(batch, key), batch, target_tokens)
        grad = passes.backward(grad)
        if self.grad_embeddings is not None:
            if self.embedding_scale != 1:
                grad = grad * self.embedding_scale
            add_embedding_gradient(self.grad_embeddings, batch.input_ids, grad, self.embeddings.padding_idx)
        return loss

    @torch.no_grad()
    def token_losses(self, batch: MicroBatch) -> torch.Tensor:
        """Return -log p of each target (targets,), in nats, by the adapters' values as last refreshed."""
        last = Passes(self).forward(batch, None)
        states = torch.empty_like(last)
        self.norm.forward(last, states)
        scaled(states, self.head_scale)
        return token_losses(states, self.head.weight, batch.targets, self.logit_cap)

    def begin_step(self, dropout_key: tuple[int, int] | None) -> None:
        """Take over the adapters' new values, and give each `.grad` that was reset its part of the sums, zeroed."""
        self.gradients.claim()
        self.refresh(dropping=bool(self.dropout) and dropout_key is not None)

    def embed(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the first layer's input (tokens, width)."""
        return scaled(nn.functional.embedding(input_ids, self.embeddings.weight), self.embedding_scale)

    def rotaries(self, hidden: torch.Tensor, positions: torch.Tensor) -> Rotaries:
        """Return cosines and sines (tokens, head width / 2) in the type of `hidden`, by table."""
        return rotary_tables(self.rotary_embedding, self.description, hidden, positions)

    def run_layers(
        self,
        hidden: torch.Tensor,
        rotaries: Rotaries,
        sequences: Sequences,
        drops: Sequence[Drops],
        rows: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, list[Saved | Again]]:
        """Return the last layer's output, and for each layer what its backward needs, or its input to compute it from.

        With `rows` the output is of these tokens only.
        """
        saved: list[Saved | Again] = []
        aside, put_mixed = (as_it_is, None) if self.host_inputs is None else self.host_inputs.begin(hidden)
        first_kept = len(self.layers) - self.kept_layers
        middle = None
        for index, (layer, some) in enumerate(zip(self.layers, drops, strict=True)):
            if self.shared is not None:
                self.shared.need(index, index + 1)
            keeps = index >= first_kept
            of_layer = rows if layer is self.layers[-1] else None, None if keeps else put_mixed
            hidden, kept = layer.forward(
                hidden, middle, rotaries, sequences, some, self.keeps_inputs and keeps, *of_layer
            )
            hidden, middle = layer.as_input(hidden, kept.middle)
            saved.append(kept if keeps else aside(kept))
            del kept
        return hidden if middle is None else hidden.add_(middle), saved

    def run_layers_back(
        self,
        grad: torch.Tensor,
        saved: list[Saved | Again],
        rotaries: Rotaries,
        sequences: Sequences,
        drops: Sequence[Drops],
        rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Add to the gradients for `grad`, that of the last layer's output; return that of the embeddings.

        `saved` is emptied; `rows` as in the forward.
        """
        for layer, some in zip(reversed(self.layers), reversed(drops), strict=True):
            kept = saved.pop()
            if self.shared is not None:
                self.shared.need(len(saved), len(saved) - 1)
            if not isinstance(kept, Saved):
                kept = layer.keep(kept(), rotaries, sequences, some, rows=rows if layer is self.layers[-1] else None)
            grad = layer.backward(grad, kept, rotaries, sequences, some)
        return grad

    def head_gradient(
        self, last: torch.Tensor, batch: MicroBatch, target_tokens: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the summed loss, and the gradient of `last`, the last layer's output (targets, width).

        Each target's gradient counts the batch's `weights` times, its loss `counted` times, where there are any.
        """
        states = torch.empty_like(last)
        inverse = self.norm.forward(last, states)
        scaled(states, self.head_scale)
        total = self.grad_embeddings if self.tied else self.grad_head
        head = self.head.weight
        of_loss = 1 / target_tokens, total, batch.weights, batch.counted, self.logit_cap
        loss, grad_states = response_loss_and_gradient(states, head, batch.targets, *of_loss)
        scaled(grad_states, self.head_scale)
        return loss, self.norm.backward(grad_states, last, inverse, onto=torch.zeros_like(last))

    def drops(self, batch: MicroBatch, key: tuple[int, int] | None, seed: torch.Tensor | None = None) -> list[Drops]:
        """Return for each layer and adapted input what zeroes its dropped elements.

        Args:
            batch: whose `examples`, `positions` (and, on the CPU, `starts`) decide with the key what is dropped.
            key: seed and step; None drops nothing.
            seed: on a GPU, one int64 made of the key, on the device.
        """
        if key is None:
            return [(None,) * ADAPTED_INPUTS] * len(self.layers)
        if seed is not None:
            from ..kernels.cuda.dropout import CountedDrop

            counted = CountedDrop(self.dropout, seed, batch.examples, batch.positions)
            all_drops: list[Drop] = [
                replace(counted, input_index=index) for index in range(len(self.layers) * ADAPTED_INPUTS)
            ]
        else:
            widths = [linear.width for linear in self.linears]
            numbers = batch.examples[batch.starts[:-1]].tolist()
            places = DroppedPlaces(self.dropout, key, numbers, batch.starts.tolist(), widths, layers=1)
            all_drops = list(places.drops)
        return [tuple(all_drops[first : first + ADAPTED_INPUTS]) for first in range(0, len(all_drops), ADAPTED_INPUTS)]


class Passes:
    """Forward and backward of a micro-batch through the layers, operation by operation."""

    def __init__(self, decoder: PackedDecoder) -> None:
        self.decoder = decoder
        self._state: tuple[list[Any], Rotaries, Sequences, list[Drops], torch.Tensor | None] | None = None

    def forward(self, batch: MicroBatch, key: tuple[int, int] | None) -> torch.Tensor:
        """Return the last layer's output where a target is predicted, and keep what the backward needs.

        Returns:
            (targets, width).
        """
        on_gpu = batch.input_ids.is_cuda
        sequences = Sequences(batch.starts.tolist(), batch.positions, batch.ends, batch.shared, batch.before)
        # Filled, not copied: a copy of the host's memory waits for all that the GPU has to do.
        seed = batch.positions.new_full((1,), dropout_seed(key)) if on_gpu and key else None
        return self._run(batch, sequences, self.decoder.drops(batch, key, seed), batch.target_positions)

    def _run(
        self, batch: MicroBatch, sequences: Sequences, drops: list[Drops], rows: torch.Tensor | None = None
    ) -> torch.Tensor:
        hidden = self.decoder.embed(batch.input_ids)
        rotaries = self.decoder.rotaries(hidden, batch.positions)
        hidden, saved = self.decoder.run_layers(hidden, rotaries, sequences, drops, rows)
        self._state = saved, rotaries, sequences, drops, rows
        return hidden

    def backward(self, grad: torch.Tensor) -> torch.Tensor:
        """Add to the gradients for `grad`, that of what `forward` returned; return that of the embeddings."""
        assert self._state is not None
        state, self._state = self._state, None
        return self.decoder.run_layers_back(grad, *state)


def dropout_seed(key: tuple[int, int]) -> int:
    """Return seed and step as one number of 63 bits."""
    return (key[0] * 0x9E3779B97F4A7C15 + key[1]) % (1 << 63)


def weight_gradients(decoder: PackedDecoder) -> Iterator[GradientPart]:
    """Yield the places of all weights' gradients; embeddings and a head that is tied to them have one together."""
    yield GradientPart(decoder, "grad_embeddings", [decoder.embeddings.weight])
    if not decoder.tied:
        yield GradientPart(decoder, "grad_head", [decoder.head.weight])
    for layer in decoder.layers:
        for norm in layer.norms:
            yield GradientPart(norm, "gradient", [norm.module.weight])
        yield from layer.attention.gradient_parts()
        for linear, projections in zip(layer.linears, layer.projections, strict=True):
            yield GradientPart(linear, "grad_weight", [projection.weight for projection in projections])
            if linear.bias is not None:
                yield GradientPart(linear, "grad_bias", [projection.bias for projection in projections])
    yield GradientPart(decoder.norm, "gradient", [decoder.norm.module.weight])


def packing_obstacle(model: Any) -> str | None:
    """Return why `PackedDecoder` can't train a model, in words, or None where it can."""
    obstacle = decoder_obstacle(model)
    if obstacle is not None:
        return obstacle
    if model.config.attention_dropout:
        return Text("dropout of attention weights", "어텐션 가중치의 드롭아웃")
    if not isinstance(model, PeftModel):
        if not all(p.requires_grad for p in model.parameters()):
            return Text("some of its weights are frozen, without adapters", "어댑터 없이 일부 가중치만 고정됨")
        several = Text("its weights are of more than one type", "가중치의 종류가 여럿임")
        return None if len({p.dtype for p in model.parameters()}) == 1 else several
    in_layers = [module for module in model.get_base_model().model.layers.modules() if isinstance(module, LoraLayer)]
    known = {id(p) for layer in in_layers for name, p in layer.named_parameters() if "lora_" in name}
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    return None if trained <= known else Text("weights outside the adapters train", "어댑터 밖의 가중치도 학습함")
