"""What drawing summaries takes: caches and work in memory, and seconds.

A step of drawing reads all weights once and each summary's keys and values once, at the rate of elementwise passes, and
waits for each layer as a micro-batch does; a dialogue's prompt is read once for all its summaries.
"""

import os
from dataclasses import dataclass

from ..config.schema import Config
from .constants import TIME
from .devices import Device
from .job import TrainingJob
from .model_shape import ModelShape
from .step_work import ExampleTokens

_PLACES = 256  # decoder/row_batch.py: caches grow by so many
_PREFILL_TOKENS = 16384  # decoder/cached_decoder.py
_LOGIT_BYTES = 24  # of a token that is drawn: logits, those in float32, probabilities and their sums in float64
# Measured on an H200's machine, 16 cores: 1,024 rewards of DialogSum in 0.059 s.
_REWARD_SECONDS = 0.9e-3  # a summary, on one core
_HOST_SECONDS = 5e-5  # a summary: seeds before it is drawn, its text after
_CARD_CORES = 16  # of a machine that is not this one


def refine_draws(config: Config) -> int:
    """Return the summaries of a step."""
    return config.refine.dialogues * config.refine.samples


def most_rows(config: Config, cpu: bool) -> int:
    """Return how many summaries are drawn at a time where memory is no matter."""
    return min(32 if cpu else 1024, refine_draws(config))


@dataclass(frozen=True)
class DrawingSizes:
    """What decides the memory of drawing.

    Attributes:
        cpu: whether a processor draws.
        row_bytes: caches of a row, of the longest prompt with the longest summary.
        choice_bytes: a row's logits with what is made of them to choose a token.
        read_bytes: the work of reading a packed batch of prompts.
    """

    cpu: bool
    row_bytes: int
    choice_bytes: int
    read_bytes: int

    @classmethod
    def of(cls, config: Config, job: TrainingJob, examples: list[ExampleTokens]) -> "DrawingSizes":
        """Return the sizes of a refining whose dialogues, evaluated ones too, are `examples`."""
        shape = job.shape
        longest = max(tokens - targets for tokens, targets in examples) + config.tokenizer.decoder_max_len
        places = -(-longest // _PLACES) * _PLACES
        widths = max(3 * kind.width + kind.columns + kind.attended + 3 * kind.inner for kind in shape.kinds)
        read = min(_PREFILL_TOKENS, config.refine.dialogues * longest)
        row = places * cache_bytes(shape, job.element) + (shape.delta.state_bytes if shape.delta else 0)
        sizes = row, shape.vocabulary * _LOGIT_BYTES, read * widths * job.element
        return cls(job.cpu, *sizes)

    def caches(self, rows: int) -> int:
        """Return the bytes of the caches of so many rows; on a GPU there is a power of two of them."""
        return self.row_bytes * (rows if self.cpu else 1 << (rows - 1).bit_length())

    def evaluation(self, rows: int, dialogues: int) -> int:
        """Return what drawing adds, or an evaluation of so many dialogues, whose rows have caches of their own."""
        held = self.caches(min(rows, dialogues)) if dialogues else 0
        return held + max(self.read_bytes, rows * self.choice_bytes)


def cache_bytes(shape: ModelShape, element: int) -> int:
    """Return what keys and values of one token take in all layers."""
    return sum(2 * kind.attention_layers * kind.key_heads * kind.head_width * element for kind in shape.kinds)


def drawing_seconds(
    job: TrainingJob, device: Device, rows: int, examples: tuple[ExampleTokens, ...], samples: int, most: int
) -> float:
    """Return the time of drawing `samples` summaries of each example, as long as its reference.

    Args:
        job: whose model draws.
        device: its rates.
        rows: summaries at a time; as they end others take their place.
        examples: of which each prompt is read once.
        samples: of each.
        most: tokens of the longest.
    """
    shape, e = job.shape, job.element
    lengths = [min(targets, most) for _, targets in examples]
    count, tokens = samples * len(examples), samples * sum(lengths)
    prompts = sum(whole - targets for whole, targets in examples)
    # The last rows to end decide: a full batch until none waits, then as many steps as the longest takes.
    steps = max(0.0, (count - rows) / rows * tokens / count) + max(lengths)
    head = shape.vocabulary * shape.width
    flops = 2.0 * shape.linear_parameters * (prompts + min(rows, count) * steps) + 2.0 * head * (count + tokens)
    weights = shape.linear_parameters * e * steps + head * e * steps
    if job.method == "qlora":
        weights += shape.linear_parameters * (0.53 + e) * steps
    states = (
        samples
        * cache_bytes(shape, e)
        * sum(
            length * (whole - targets + length / 2) for length, (whole, targets) in zip(lengths, examples, strict=True)
        )
    )
    chosen = 16.0 * shape.vocabulary * tokens  # logits read and written in float32
    rate = device.flops * (device.product_share or TIME.product_share)
    kernels = flops / rate + (weights + states + chosen) / (device.bandwidth * TIME.pass_share)
    return kernels + TIME.packed_layer * shape.layers * steps + _HOST_SECONDS * count


def reward_seconds(device: Device, summaries: int) -> float:
    """Return the time of so many rewards, on all cores but one."""
    cores = len(os.sched_getaffinity(0)) if device.cpu else _CARD_CORES
    return _REWARD_SECONDS * summaries / max(1, cores - 1)


def spread(examples: tuple[ExampleTokens, ...], count: int) -> tuple[ExampleTokens, ...]:
    """Return so many examples of which the lengths spread as those of all do."""
    ordered = sorted(examples)
    return tuple(ordered[(2 * index + 1) * len(ordered) // (2 * count)] for index in range(count))
