"""How long a training step takes: operations and bytes over a card's rates, and the cost of calls.

Operations of a step with N parameters in the layers' matrices, on T tokens: 2 N T forward (Kaplan et al. 2020, section
2.1), 2 N T for the gradients of the inputs, 2 N T more where all weights train, and 2 N T where layers compute again.
Products of few rows reach a smaller share of the peak rate; it is taken as T / (T + half), which makes the time of a
product linear in T.
"""

from dataclasses import dataclass, replace

from .captured import captured
from .constants import TIME, TimeConstants
from .delta import delta_tensors, flash_delta_tensors
from .devices import Device
from .evaluation import evaluates_packed
from .job import TrainingJob
from .memory import Activations, optimizer_bytes
from .model_shape import ModelShape
from .sharding_bytes import exchanged_bytes, layer_bytes
from .step_work import StepWork

# Operations of a layer of the packed engine, forward and backward; without adapters there are fewer products.
_PACKED_CALLS = {"full": 45, "lora": 60, "qlora": 60}
# Under autograd, forward and backward: counted for whole weights, and from measured times where PEFT and bitsandbytes
# call in Python; dropout of an adapter, and an RMSNorm of queries or keys, come on top. Computing again repeats the
# forward, which is two thirds of a layer's calls in time.
_TRAINER_CALLS = {"full": 170, "lora": 300, "qlora": 390}
_DROPOUT_CALLS, _NORM_CALLS, _FORWARD_CALLS = 10, 16, 0.65
# What the packed engine calls on a GPU for a gated delta rule, a micro-batch and a level of its sequences, whether the
# layer is computed again or not: the rule is, twice forward and once back, about 28 of Flash Linear Attention's kernels
# through its wrappers and Triton's autotuner. So many of the usual calls make up the one step measured: Qwen3.5-4B's
# shape, NF4, r 16, 64 examples of 325 tokens with a shared beginning (two levels) in micro-batches of 2,048, 5.08 s on
# an H200 that was busy for 12 to 32% of it (torch 2.11, Triton 3.7.1). What of this a single level takes was not told
# apart.
_DELTA_CALLS = 350
# What FSDP2 calls for a layer of a micro-batch (two gatherings and a reduction, of each weight), and what clipping and
# AdamW call for each tensor cut so: they make up the one step measured, of Llama-3-8B's shape on four H200 (1.58 s).
_CUT_CALLS, _CUT_TENSOR_CALLS = 250, 20
_ADAMW_PASSES = 20  # torch's over parts that are cut, which is not fused: two for each operation's result, and sources


@dataclass(frozen=True)
class StepTime:
    """Seconds of a step, by part."""

    parts: dict[str, float]

    @property
    def seconds(self) -> float:
        """Return the step's seconds."""
        return sum(self.parts.values())


def step_time(
    job: TrainingJob, device: Device, work: StepWork, how: Activations, constants: TimeConstants = TIME
) -> StepTime:
    """Return the time of a mean step, by part."""
    counts = step_counts(job, work, how)
    kernels = {name: count / rate for name, (count, rate) in _rated(job, device, counts, constants).items()}
    calls = counts["calls"] * (device.launch or constants.launch)
    # The processor prepares operations while the GPU computes, and each waits for the other in some parts of a pass.
    busy, power = sum(kernels.values()), constants.overlap
    waited = (calls**power + busy**power) ** (1 / power) - busy
    layers = job.shape.layers * work.micro_batches
    fixed = constants.step + (constants.packed_layer * layers if job.engine == "packed" else 0.0)
    fixed += constants.several if job.cards > 1 else 0.0
    parts = kernels | {"launches": waited, "fixed": fixed}
    parts["optimizer"] += constants.optimizer_wait * _waiting(job)  # after the kernels, beside none
    return StepTime(parts | ({"gathering": _gathering(job, work, busy)} if job.shards else {}))


def _gathering(job: TrainingJob, work: StepWork, busy: float) -> float:
    """Return a step's seconds in which it waits for layers that are gathered: while one computes, the next one comes.

    Each micro-batch gathers all layers forward and back. Where all weights train their gradients go out besides, in
    float32, and the host, which calls each operation, is not ahead of the GPU: none of it comes beside computing.
    """
    assert job.shards is not None
    if job.method == "full":
        return (
            job.shards.gather_seconds(exchanged_bytes(job)[0]) + 3 * job.shape.layers * job.shards.latency
        ) * work.micro_batches
    one = job.shards.gather_seconds(layer_bytes(job))
    on_the_way = 2 * job.shape.layers * one * work.micro_batches
    return max(on_the_way - busy, 2 * one * work.micro_batches)


def step_counts(job: TrainingJob, work: StepWork, how: Activations) -> dict[str, float]:
    """Return a step's operations and bytes: `products` and `rows` of them, `attention`, `adapters`, `head`,
    `passes` (bytes), `copies` (bytes), `rounding` (bytes), `dequantization` (bytes), `optimizer` (bytes), `calls`.
    """
    shape, e = job.shape, job.element
    kinds = [job if kind is shape else replace(job, shape=kind) for kind in shape.kinds]
    again = 1 - how.kept_layers / shape.layers
    parameters = shape.linear_parameters
    trains = 1 if job.method == "full" else 0
    # The packed engine leaves the last product out where it computes again, and the first two where they have waited.
    repeated = again * (
        _repeated(shape, job.shards is not None and how.waits) if job.engine == "packed" else parameters
    )
    multiplied = 2.0 * (parameters * (2 + trains) + repeated)
    rank_values = job.rank * sum((i + o) * count for i, o, count in job.adapted)
    # Forward and backward of scaled dot products, 4 and 10 operations a pair and column (Dao 2023).
    columns = sum(_attended_pairs(kind, work) * kind.attended for kind in shape.kinds)
    attention = (4 * (1 + again) + 10) * columns
    if shape.delta:  # as attention within chunks of 64 tokens, about
        attention += (4 * (1 + again) + 10) * 64 * work.computed * shape.delta.values * shape.delta.layers
    return {
        "products": multiplied * work.computed,
        "rows": multiplied * work.micro_batches,
        "attention": attention,
        "adapters": 2.0 * rank_values * work.computed * (3 + again),
        "head": 2.0 * (2 + trains) * work.targets * shape.vocabulary * shape.width,
        "passes": work.computed
        * (sum(_pass_bytes(one, again) * one.shape.layers for one in kinds) + _delta_bytes(job)),
        "copies": exchanged_bytes(job)[1] * work.micro_batches if _cut(job) > 1 else 0.0,
        "rounding": work.computed * sum(_rounded_bytes(one, again) * one.shape.layers for one in kinds),
        "dequantization": 2.0 * parameters * (0.53 + e) * work.micro_batches
        if job.method == "qlora" and not job.float8
        else 0.0,
        "optimizer": _optimizer_bytes(job, work),
        "calls": _calls(job, work, again),
    }


def _repeated(shape: ModelShape, waited: bool) -> int:
    """Return the parameters of the products that the packed engine computes again."""
    return sum(
        product.layers * product.inputs * sum(product.outputs)
        for kind in shape.layer_kinds
        for product in kind
        if product.name == "gate_up" or (not waited and product.name != "down")
    )


def _attended_pairs(shape: ModelShape, work: StepWork) -> float:
    """Return the pairs of a query and a key in all layers of one kind."""
    pairs = (shape.attention_layers - len(shape.windows)) * work.pairs
    return pairs + sum(min(work.pairs, work.computed * window) for window in shape.windows)


def _cut(job: TrainingJob) -> int:
    """Return over how many cards gradients and states are cut."""
    return job.shards.cards if job.shards is not None and job.method == "full" else 1


def _optimizer_bytes(job: TrainingJob, work: StepWork) -> float:
    """Return the bytes of a step's passes over gradients, trained values and states, of one card's part."""
    if _cut(job) > 1:
        return float(_ADAMW_PASSES * job.trained * job.trained_element / _cut(job))
    return _gradient_bytes(job, work) + 2.0 * sum(optimizer_bytes(job))


def _gradient_bytes(job: TrainingJob, work: StepWork) -> float:
    """Return the bytes of a step's passes over gradients and trained values: the update reads both and writes one; the
    packed engine's buffer is zeroed, its norm taken and scaled, and where weights train each micro-batch adds to it.
    """
    passes = 3.0
    if job.engine == "packed":
        passes += 4 + (2 * work.micro_batches if job.method == "full" else 0)
    return passes * job.trained * job.trained_element


def _rated(
    job: TrainingJob, device: Device, counts: dict[str, float], constants: TimeConstants
) -> dict[str, tuple[float, float]]:
    """Return each part's count with its rate."""
    share = device.product_share or constants.product_share
    half = device.product_half or constants.product_half
    if job.shards is not None and job.engine == "packed":
        share, half = share * constants.cut_share, constants.cut_half
    products, bandwidth = device.flops * share, device.bandwidth * constants.pass_share
    passes = constants.packed_passes if job.engine == "packed" else constants.trainer_passes
    return {
        "products": (
            counts["products"] + counts["rows"] * half,
            products * (constants.float8_speedup if job.float8 else 1.0),
        ),
        "attention": (counts["attention"], device.flops * (device.attention_share or constants.attention_share)),
        "adapters": (counts["adapters"], device.flops * (device.adapter_share or constants.adapter_share)),
        "head": (counts["head"], products * 0.8),
        "elementwise": (counts["passes"] * passes + counts["copies"], bandwidth),
        "rounding": (counts["rounding"], device.bandwidth * constants.rounding_share),
        "dequantization": (counts["dequantization"], bandwidth),
        "optimizer": (counts["optimizer"], bandwidth),
    }


def _pass_bytes(job: TrainingJob, again: float) -> float:
    """Return the bytes of elementwise passes a token and layer: norms, rotation, SwiGLU, residual sums, both ways."""
    shape, e = job.shape, job.element
    forward: float
    backward: float
    if job.engine == "packed":
        forward = (8 + 4 * shape.norms_after) * shape.width + 2 * shape.columns + 3 * shape.inner
        backward = (12 + 6 * shape.norms_after) * shape.width + 4 * shape.columns + 7 * shape.inner
        dropped = 4 * sum(width for width, _ in job.adapters) if job.dropout else 0
        norms = 4 * shape.width if job.method == "full" else 0  # the gradients of their weights
        return e * (forward * (1 + again) + backward + dropped + norms)
    # Under autograd: float32 norms in six passes, rotation by halves in eight, and PEFT's own, in reads and writes of
    # the compute type: scaling and sums of the outputs (a copy on a 4-bit base), sums of the inputs' gradients; on a
    # 16-bit base casts of the inputs to float32 and back, both ways; dropout with its mask.
    inputs, outputs = sum(i for i, _ in job.adapters), sum(o for _, o in job.adapters)
    casts = 6.0 * inputs if job.method == "lora" else 0.0
    mask = (4.5 if job.method == "lora" else 2.5) * inputs if job.dropout else 0.0
    forward = 30 * shape.width + 12 * shape.columns + 5 * shape.inner + casts + mask
    forward += (8 if job.method == "qlora" else 6) * outputs
    backward = 40 * shape.width + 16 * shape.columns + 9 * shape.inner + casts + mask + 2 * outputs + 3 * inputs
    return float(e * (forward * (1 + again) + backward))


def _delta_bytes(job: TrainingJob) -> float:
    """Return the bytes a token of the packed engine's gated delta rules: what their graph saves is written and read in
    the forward, again for the backward, and twice as much for the gradients. Counted, not measured.
    """
    delta = job.shape.delta
    if delta is None or job.engine != "packed":
        return 0.0
    tensors = (flash_delta_tensors if job.flash else delta_tensors)(delta, 1024, job.element)
    saved = sum(tensors.values()) / 1024
    return saved * 2 * (1 + 1 + 2) * delta.layers


def _rounded_bytes(job: TrainingJob, again: float) -> float:
    """Return the bytes a token and layer of rounding inputs and gradients of outputs to 8 bit: read, and written."""
    if not job.float8:
        return 0.0
    shape = job.shape
    inputs, outputs = 2 * shape.width + shape.attended + shape.inner, shape.columns + 2 * shape.width + 2 * shape.inner
    return float((job.element + 1) * (inputs * (1 + again) + outputs))


def _calls(job: TrainingJob, work: StepWork, again: float) -> float:
    """Return the operations that Python calls in a step; those of captured micro-batches are one each."""
    layers = job.shape.layers
    if job.engine == "packed":
        one = (
            40.0
            if captured(job, work.largest.tokens)
            else layers * (_PACKED_CALLS[job.method] + (8 if job.float8 else 0)) * (1 + 0.4 * again)
        )
        if job.shape.delta is not None and not job.cpu:
            one += _DELTA_CALLS * job.shape.delta.layers * work.levels
    else:
        calls = _TRAINER_CALLS[job.method] + 2 * _NORM_CALLS * job.shape.head_norms
        calls += _DROPOUT_CALLS * len(job.adapters) if job.dropout else 0
        one = layers * (calls * (1 + _FORWARD_CALLS * again) + (_CUT_CALLS if _cut(job) > 1 else 0))
    tensors = _CUT_TENSOR_CALLS * len(job.trained_tensors) if _cut(job) > 1 else 0 if _waiting(job) else 60
    return one * work.micro_batches + tensors


def _waiting(job: TrainingJob) -> int:
    """Return at how many tensors a step's optimizer waits for the GPU: bitsandbytes at each, torch's at none."""
    return len(job.trained_tensors) if job.optimizer.startswith(("paged", "adamw_bnb")) and not job.cpu else 0


def evaluation_seconds(
    job: TrainingJob, device: Device, tokens: float, targets: float, batches: float, constants: TimeConstants = TIME
) -> float:
    """Return the time of an evaluation of so many tokens, those with a target, and batches (see `evaluation`)."""
    flops = 2.0 * job.shape.linear_parameters * tokens + 2.0 * targets * job.shape.vocabulary * job.shape.width
    packed = evaluates_packed(job)
    rate = device.flops * (device.product_share or constants.product_share)
    calls = batches * job.shape.layers * (_PACKED_CALLS if packed else _TRAINER_CALLS)[job.method] / 3
    return max(flops / (rate if packed else rate * constants.evaluation_share), calls * constants.launch)


def saving_seconds(job: TrainingJob, constants: TimeConstants = TIME) -> float:
    """Return the time of writing a checkpoint: trained values and optimizer states."""
    return (job.trained * job.trained_element + sum(optimizer_bytes(job))) / constants.disk
