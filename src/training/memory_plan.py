"""How a GPU's memory is spent in packed training: tokens of a micro-batch, and layers that keep their activations.

Peak of a micro-batch of T tokens, of which K layers of L keep what the backward needs (the others keep their input and
compute the rest again), in bytes:

    weights + adapters' gradients, optimizer states and copies + buffers of the products
    + T L w 2                       each layer's input, w wide
    + T max(K, 1) lean              lean: q, k, v, attention's output and sums, middle, gate and up
    + T (2 w + 2 i) 2               gradients and activation of the layer at work, i the MLP's width

The first backward finds all of it alive, and a layer that computes again stands for one that kept.
"""

from dataclasses import dataclass

import torch

from ..models.packed_decoder import PackedDecoder

_SIZES = (24576, 16384, 12288, 8192, 6656, 5120, 4096, 3072, 2560, 2048, 1536, 1024)
_AGAIN_SHARE = 0.4  # of a step's time that computing all layers again adds, measured on an H100
_FIXED_TOKENS = 1250  # a micro-batch's fixed cost (dequantizing, small products), in tokens' time
_INPUTS_SHARE = 0.015  # of a step's time that keeping the products' inputs saves


@dataclass(frozen=True)
class MemoryPlan:
    """The choice for a run."""

    micro_batch_tokens: int
    kept_layers: int
    keeps_inputs: bool
    peak_bytes: int


def plan_memory(decoder: PackedDecoder, budget_bytes: float, tokens: int | None, recompute: bool) -> MemoryPlan | None:
    """Return the fastest plan whose peak is within the budget, or None where none is.

    Args:
        decoder: on a GPU, with its model's weights as the only large tensors allocated so far.
        budget_bytes: for the allocator's peak.
        tokens: of a micro-batch, where they are fixed.
        recompute: whether layers may compute their activations again.
    """
    layers = len(decoder.layers)
    plans = []
    for size in (tokens,) if tokens else _SIZES:
        for keeps_inputs in (True, False):
            one = kept_bytes(decoder, size, keeps_inputs)
            room = budget_bytes - peak_bytes(decoder, size, 0, keeps_inputs)
            kept = min(layers, int(room / one) + 1) if room >= 0 else -1
            if kept == layers or (recompute and kept >= 0):
                kept = 0 if kept <= 1 else kept
                plans.append(MemoryPlan(size, kept, keeps_inputs, peak_bytes(decoder, size, kept, keeps_inputs)))
    return min(plans, key=lambda plan: relative_time(plan, layers), default=None)


def relative_time(plan: MemoryPlan, layers: int) -> float:
    """Return a plan's time a token, that of one endless micro-batch without recomputation being 1."""
    kept = plan.kept_layers / layers
    saved = _INPUTS_SHARE * kept if plan.keeps_inputs else 0.0
    return 1 + _AGAIN_SHARE * (1 - kept) + _FIXED_TOKENS / plan.micro_batch_tokens - saved


def peak_bytes(decoder: PackedDecoder, tokens: int, kept_layers: int, keeps_inputs: bool) -> int:
    """Return the allocator's peak in a step; see the head of this file."""
    width, inner = decoder.embeddings.embedding_dim, decoder.layers[0].down.width
    element = decoder.embeddings.weight.element_size()
    trained = sum(parameter.numel() for parameter in decoder.parameters)
    # Allocated already: weights, adapters, their copies in the compute type, buffers, and gradients (float32).
    steady = torch.cuda.memory_allocated() + 8 * trained  # AdamW's two states, float32
    inputs = tokens * len(decoder.layers) * width * element
    kept = max(kept_layers, 1) * kept_bytes(decoder, tokens, keeps_inputs)
    work = tokens * (2 * width + 2 * inner) * element
    total: int = steady + inputs + kept + work
    return total


def kept_bytes(decoder: PackedDecoder, tokens: int, keeps_inputs: bool) -> int:
    """Return what one layer keeps for its backward, besides its input."""
    layer, element = decoder.layers[0], decoder.embeddings.weight.element_size()
    width, inner, heads = decoder.embeddings.embedding_dim, layer.down.width, layer.shape.heads
    columns = layer.shape.columns * (2 if layer.head_norms else 1) + heads * layer.shape.width + width + 2 * inner
    columns += sum(linear.ranks for linear in layer.linears)
    if keeps_inputs:
        columns += 2 * width + inner
    total: int = tokens * (columns * element + heads * 4 + 8)
    return total
