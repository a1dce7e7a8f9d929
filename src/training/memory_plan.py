"""How a GPU's memory is spent in packed training: tokens of a micro-batch, and layers that keep their activations.

Peak of a micro-batch of T tokens, of which K layers of L keep what the backward needs (the others keep their input and
compute the rest again), in bytes:

    weights + adapters' gradients, optimizer states and copies + buffers of the products
    + T L w 2                       each layer's input, w wide
    + T max(K, 1) lean              lean: q, k, v, attention's output and sums, middle, gate and up
    + T (2 w + 2 i) 2               gradients and activation of the layer at work, i the MLP's width

The first backward finds all of it alive, and a layer that computes again stands for one that kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..models.packed_decoder import PackedDecoder

_SIZES = (
    65536,
    49152,
    32768,
    24576,
    16384,
    12288,
    8192,
    6656,
    5120,
    4096,
    3584,
    3072,
    2560,
    2048,
    1536,
    1024,
    512,
    256,
)
_MULTIPLE = 256  # of tokens, as captured micro-batches have
_AGAIN_SHARE = 0.32  # of a step's time that computing all layers again adds, measured on an H100
_FIXED_TOKENS = 250  # a micro-batch's fixed cost (dequantizing, small products), in tokens' time
_INPUTS_SHARE = 0.01  # of a step's time that keeping the products' inputs saves


@dataclass(frozen=True)
class StepTokens:
    """Tokens of an optimizer step.

    Attributes:
        mean: of all steps.
        most: four standard deviations above, which hardly a step reaches.
        longest: tokens of the longest example.
    """

    mean: float
    most: int
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int], examples: int) -> "StepTokens":
        """Return them for steps of so many `examples` out of a data set with these lengths."""
        examples = min(examples, len(lengths))
        mean = sum(lengths) / len(lengths)
        deviation = math.sqrt(sum((length - mean) ** 2 for length in lengths) / len(lengths))
        most = min(examples * mean + 4 * deviation * math.sqrt(examples), examples * max(lengths))
        return cls(examples * mean, math.ceil(most), max(lengths))


@dataclass(frozen=True)
class MemoryPlan:
    """The choice for a run."""

    micro_batch_tokens: int
    kept_layers: int
    keeps_inputs: bool
    peak_bytes: int


def plan_memory(
    decoder: PackedDecoder, budget_bytes: float, tokens: int | None, recompute: bool, step: StepTokens
) -> MemoryPlan | None:
    """Return the fastest plan whose peak is within the budget, or None where none is.

    Args:
        decoder: on a GPU, with its model's weights as the only large tensors allocated so far.
        budget_bytes: for the allocator's peak.
        tokens: of a micro-batch, where they are fixed.
        recompute: whether layers may compute their activations again.
        step: what is to be trained on: micro-batches hold the longest example, and no more than a step.
    """
    layers = len(decoder.layers)
    plans = []
    most, least = (math.ceil(count / _MULTIPLE) * _MULTIPLE for count in (step.most, step.longest))
    sizes = sorted({min(max(size, least), most) for size in _SIZES})
    for size in (tokens,) if tokens else sizes:
        for keeps_inputs in (True, False):
            one = kept_bytes(decoder, size, keeps_inputs)
            room = budget_bytes - peak_bytes(decoder, size, 0, keeps_inputs)
            kept = min(layers, int(room / one) + 1) if room >= 0 else -1
            if kept == layers or (recompute and kept >= 0):
                kept = 0 if kept <= 1 else kept
                plans.append(MemoryPlan(size, kept, keeps_inputs, peak_bytes(decoder, size, kept, keeps_inputs)))
    return min(plans, key=lambda plan: relative_time(plan, layers, step.mean), default=None)


def relative_time(plan: MemoryPlan, layers: int, step_tokens: float) -> float:
    """Return a plan's time for a step of so many tokens, that of one without recomputation or fixed costs being 1."""
    kept = plan.kept_layers / layers
    saved = _INPUTS_SHARE * kept if plan.keeps_inputs else 0.0
    micro_batches = math.ceil(step_tokens / plan.micro_batch_tokens)
    return 1 + _AGAIN_SHARE * (1 - kept) + _FIXED_TOKENS * micro_batches / step_tokens - saved


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
