"""The fastest way of computing a job's micro-batches that fits in a card's memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property

from ..data.batches.bins import filled_multiple, shared_tokens
from .devices import Device
from .duration import StepTime, step_time
from .job import TrainingJob
from .memory import (
    Activations,
    Memory,
    MicroBatchSize,
    evaluation_bytes,
    optimizer_bytes,
    packed_parts,
    total_memory,
)
from .step_work import (
    ExampleTokens,
    StepWork,
    dealt_padded_work,
    kept_examples,
    largest_step_tokens,
    packed_work,
    padded_work,
)
from .trainer_memory import trainer_peak

SIZES = (32768, 24576, 16384, 12288, 8192, 6656, 5120, 4096, 3072, 2560, 2048, 1536, 1024)
_STEPS_TO_CHOOSE = 6
# Of Qwen3-4B within 10 GB on an H100, large micro-batches with all layers computed again were expected to be 3% faster
# than small ones with none, and were 7% slower.
AS_FAST = 0.04
_STEPS_LAID_OUT = 48


@dataclass(frozen=True)
class Workload:
    """Examples of a run in order, and what decides how they become steps.

    Attributes:
        steps: optimizer steps of the whole run.
        warm_up: steps that the means leave out.
        evaluation: the largest evaluation batch, or None where nothing is evaluated.
        common: tokens that all examples begin with; 0 if unknown, which overestimates time and memory, or if they are
            not to be shared.
        groups: whether each example is a prompt that several continuations go on from.
    """

    examples: tuple[ExampleTokens, ...]
    seed: int
    steps: int
    warm_up: int = 0
    evaluation: MicroBatchSize | None = None
    common: int = 0
    groups: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", kept_examples(self.examples))

    @cached_property
    def longest(self) -> int:
        """Return the tokens of the longest example."""
        return max(length for length, _ in self.examples)

    @property
    def levels(self) -> int:
        """Return in how many levels a micro-batch's sequences go on from one another."""
        return 2 if self.groups or shared_tokens(self.common) else 1


@dataclass(frozen=True)
class MemoryLimits:
    """Memory that a run may take: for the allocator's peak, and for all that it takes of the card."""

    peak_bytes: float
    device_bytes: float

    def allow(self, memory: Memory) -> bool:
        """Tell whether a run fits."""
        return memory.peak_bytes <= self.peak_bytes and memory.device_bytes <= self.device_bytes


@dataclass(frozen=True)
class Choice:
    """A way of computing a job: `micro_batch_tokens` is None for the trainer engine."""

    job: TrainingJob
    how: Activations
    micro_batch_tokens: int | None
    work: StepWork
    memory: Memory
    time: StepTime

    @property
    def checkpointing(self) -> str:
        """Return in words which layers compute their activations again."""
        layers, kept = self.job.shape.layers, self.how.kept_layers
        if kept >= layers:
            return "inputs of products kept too" if self.how.keeps_inputs else "none"
        return "all layers" if kept == 0 else f"{layers - kept} of {layers} layers"


def fastest_choice(
    job: TrainingJob, load: Workload, device: Device, limits: MemoryLimits, steady_bytes: int | None = None
) -> tuple[Choice, bool]:
    """Return the fastest choice within the limits and True, or the one that takes least memory and False.

    Among those that are about as fast, the one that computes least again, where weights are whole. What the job leaves
    open (None) is chosen, by the device's rates. `steady_bytes` are allocated before the first step, with all states,
    where a real model told. The choice's job may have another optimizer: see `unpaged`.
    """
    choice, fits = _fastest(job, load, device, limits, steady_bytes)
    if (other := unpaged(job)) is None:
        return choice, fits
    if steady_bytes is not None:
        steady_bytes += optimizer_bytes(other)[0] - optimizer_bytes(job)[0]
    faster, also_fits = _fastest(other, load, device, limits, steady_bytes)
    better = also_fits and (not fits or faster.time.seconds <= choice.time.seconds)
    return (faster, True) if better else (choice, fits)


def unpaged(job: TrainingJob) -> TrainingJob | None:
    """Return the job with an optimizer that computes the same with all states on the GPU, or None.

    bitsandbytes waits for the GPU at each parameter, torch's fused AdamW never does. An adapter's states are small;
    where all weights train they are what paging is for.
    """
    if job.optimizer != "paged_adamw_32bit" or job.engine != "packed" or job.cpu or job.method == "full":
        return None
    return replace(job, optimizer="adamw_torch_fused")


def _fastest(
    job: TrainingJob, load: Workload, device: Device, limits: MemoryLimits, steady_bytes: int | None
) -> tuple[Choice, bool]:
    """As `fastest_choice`, with the job's own optimizer."""
    build = _packed_choices if job.engine == "packed" else _trainer_choices
    choices = list(build(job, load, device, limits, steady_bytes))
    allowed = sorted((c for c in choices if limits.allow(c.memory)), key=lambda choice: choice.time.seconds)
    if not allowed:
        least = min(choices, key=lambda choice: choice.memory.device_bytes)
        return _exact(least, load, device, steady_bytes), False
    # Cut weights are gathered and dequantized for each micro-batch, and longer ones were faster as expected.
    margin = AS_FAST if job.shards is None else 0.0
    as_fast = [choice for choice in allowed if choice.time.seconds <= (1 + margin) * allowed[0].time.seconds]
    best = max(as_fast, key=lambda choice: choice.how.kept_layers)  # of equal ones the first, the fastest
    return _exact(best, load, device, steady_bytes), True


def _packed_choices(
    job: TrainingJob, load: Workload, device: Device, limits: MemoryLimits, steady_bytes: int | None
) -> Iterator[Choice]:
    """Yield for each size the most layers that may keep their activations, with and without inputs of products."""
    layers = job.shape.layers
    sizes = (job.micro_batch_tokens,) if job.micro_batch_tokens else SIZES
    most = largest_step(job, load)
    for size in [size for size in sizes if size >= most][-1:] + [size for size in sizes if size < most]:
        work = _packed_work(job, load, size, _STEPS_TO_CHOOSE)
        work = replace(work, largest=bounded_size(work.largest, size, most))
        for keeps_inputs in (True, False):

            @cache
            def choice(kept: int, work: StepWork = work, size: int = size, inputs: bool = keeps_inputs) -> Choice:
                how = Activations(kept, inputs and kept > 0)
                return _choice(job, how, size, work, load, device, steady_bytes)

            if job.checkpointing is False:
                yield choice(layers)
                continue
            low, high = 0, layers  # the most that fit, by halving
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if limits.allow(choice(middle).memory) else (low, middle - 1)
            if job.shards is not None and keeps_inputs and low < layers:
                continue  # of a few layers of a large model they take memory and gain next to nothing
            yield choice(0 if low <= 1 else low)


def _packed_work(job: TrainingJob, load: Workload, size: int, steps: int) -> StepWork:
    multiple = 1 if job.cpu else filled_multiple(size)
    steps = min(load.steps, steps)
    order = load.seed, steps, load.warm_up
    how = load.common, job.side_by_side, job.cards
    work = packed_work(load.examples, job.step_examples, size, *order, multiple, *how)
    return replace(work, levels=load.levels)


def largest_step(job: TrainingJob, load: Workload) -> int:
    """Return what bounds the tokens of a micro-batch however large it may be, since no step has more."""
    shared = shared_tokens(load.common)
    own = largest_step_tokens(load.examples, job.step_examples, load.seed, load.steps, shared, job.cards) - shared
    longest = load.longest - shared
    # Worst case: before its last example the fullest bin was the emptiest, so it held at most an equal share of the
    # rest.
    return shared + -(-(own + (job.side_by_side - 1) * longest) // job.side_by_side)


def bounded_size(largest: MicroBatchSize, capacity: int, step_tokens: int) -> MicroBatchSize:
    """Return the size that bounds micro-batches of steps which were not laid out, too."""
    multiple = filled_multiple(capacity)
    tokens = -(-min(capacity, step_tokens) // multiple) * multiple
    return replace(largest, tokens=max(largest.tokens, tokens))


def _trainer_choices(
    job: TrainingJob, load: Workload, device: Device, limits: MemoryLimits, steady_bytes: int | None
) -> Iterator[Choice]:
    work = _trainer_work(job, load)
    for again in (False, True) if job.checkpointing is None else (job.checkpointing,):
        how = Activations(0 if again else job.shape.layers)
        yield _choice(job, how, None, work, load, device, steady_bytes)


def _trainer_work(job: TrainingJob, load: Workload) -> StepWork:
    # No more than an epoch is laid out: other numbers of epochs have the same work.
    steps = min(load.steps, -(-len(load.examples) // job.step_examples))
    if job.cards > 1:
        sizes = job.step_examples, job.batch_size
        return dealt_padded_work(load.examples, *sizes, load.seed, steps, load.warm_up, job.cards)
    return padded_work(load.examples, job.batch_size, job.accumulation, load.seed, steps, load.warm_up)


def _choice(
    job: TrainingJob,
    how: Activations,
    tokens: int | None,
    work: StepWork,
    load: Workload,
    device: Device,
    steady_bytes: int | None,
) -> Choice:
    size = work.largest
    parts = packed_parts(job, size, how) if tokens else trainer_peak(job, size, work.later, how.kept_layers == 0)
    parts = {name: job.side_by_side * count for name, count in parts.items()}
    evaluation = evaluation_bytes(job, load.evaluation) if load.evaluation else 0
    memory = total_memory(job, parts, size.tokens, evaluation, steady_bytes)
    return Choice(job, how, tokens, work, memory, step_time(job, device, work, how))


def _exact(choice: Choice, load: Workload, device: Device, steady_bytes: int | None) -> Choice:
    """Return a choice of the packed engine with more of its steps laid out."""
    size = choice.micro_batch_tokens
    if size is None:
        return choice
    work = _packed_work(choice.job, load, size, _STEPS_LAID_OUT)
    most = largest_step(choice.job, load)
    if most <= size:
        work = replace(work, largest=bounded_size(work.largest, size, most))
    return _choice(choice.job, choice.how, size, work, load, device, steady_bytes)


def compute_as(job: TrainingJob, load: Workload, device: Device, how: Activations, tokens: int | None) -> Choice:
    """Return the figures of one given way of computing a job."""
    if tokens is None:
        return _choice(job, how, None, _trainer_work(job, load), load, device, None)
    work = _packed_work(job, load, tokens, _STEPS_LAID_OUT)
    return _exact(_choice(job, how, tokens, work, load, device, None), load, device, None)
