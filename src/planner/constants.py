"""What formulas can't know and measurements told: one place, each figure with what it stands for.

`python benchmarks/plan_accuracy.py fit` prints the values that fit the measured lines best; the held-out lines have no
part in it. No figure belongs to one model, method or length.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryConstants:
    """Bytes that are no tensor of the model's."""

    workspace: float = 33.6e6
    """cuBLAS's workspace of a stream and thread, taken from the allocator (32 MiB on Hopper, 8.1 MiB elsewhere)."""
    context: float = 0.55e9
    """CUDA context, kernels' code and libraries, outside the allocator."""
    graphs: float = 0.35e9
    """What the allocator reserves beside the memory pool of captured micro-batches."""
    slack: float = 0.03
    """Share of the activations that the allocator reserves beyond what is allocated at the peak."""


@dataclass(frozen=True)
class TimeConstants:
    """Rates as shares of a card's, and costs of calls. Measured on an H100."""

    product_share: float = 0.913
    """Share of the peak rate that products of endless micro-batches reach."""
    product_half: float = 548.0
    """Tokens at which products reach half of that share: the efficiency over sizes is T / (T + this)."""
    cut_share: float = 0.861
    """Packed engine, weights cut over cards: the rate of products of endless micro-batches as a share of that whole."""
    cut_half: float = 154.0
    """The same: `product_half`. Both make up two steps of Llama-3-70B's shape on four H200, in micro-batches of 2,048
    tokens (6.16 s) and of 8,192 (5.52 s): wide products take few rows well, and those that fill a step run at the limit
    of the card's power, beside gathering and copies. Which of these it is was not measured."""
    float8_speedup: float = 1.62
    """How much faster products are in 8 bit: all of a step of Llama-3.2-3B, 19,200 tokens, 319 ms and 197."""
    rounding_share: float = 0.83
    """Share of the bandwidth that rounding to 8 bit reaches, in the same measurement."""
    attention_share: float = 0.333
    """Share of the peak rate that attention reaches."""
    adapter_share: float = 0.207
    """Share of the peak rate that products with a rank as one side reach."""
    pass_share: float = 0.565
    """Share of the bandwidth that elementwise passes and dequantization reach."""
    packed_passes: float = 1.37
    """Packed engine: elementwise bytes as a multiple of those that the formula counts."""
    trainer_passes: float = 0.927
    """Trainer engine: the same under autograd and autocast."""
    packed_layer: float = 1.19e-04
    """Packed engine: seconds of a layer of a micro-batch outside its kernels (gaps between a graph's kernels, a layer's
    share of packing and copies)."""
    launch: float = 2.65e-05
    """Seconds that Python and the driver take for an operation; it counts where the GPU would wait for it."""
    overlap: float = 2.5
    """How well calls and kernels overlap: (calls^p + kernels^p)^(1/p); 1 is one after the other, infinity fully."""
    step: float = 0.00186
    """Seconds of a step besides gradients and optimizer passes: clipping, logging, schedule, callbacks."""
    optimizer_wait: float = 9e-05
    """Seconds of each tensor in bitsandbytes' optimizers, which wait for the GPU at each: 9.5e-5 for SmolLM2-135M's 420
    on an H200 (a step of 77.2 ms, 37.4 by torch's fused AdamW); six cases on an H100 fit best with 9e-5."""
    several: float = 0.006
    """Seconds of a step in which several cards wait for the slowest of them, besides adding up gradients: Llama-3.2-3B
    on 2 and 4 H200, Python's part of meeting among it."""
    evaluation_share: float = 0.6
    """Rate of evaluation (padded, no gradients) as a share of the forward pass's in training."""
    disk: float = 1.0e9
    """Bytes a second that a checkpoint is written with."""


MEMORY = MemoryConstants()
TIME = TimeConstants()
