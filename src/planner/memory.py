"""What a training keeps in a card's memory, tensor by tensor.

Names: T tokens of a micro-batch, P of them predict a target, w the model's width, i the MLP's, c queries, keys and
values side by side, a the attention's output, h heads, V the vocabulary, L layers, r ranks, e bytes of a number.

Peak of the packed engine (`decoder/packed_decoder.py`, `decoder_layer.py` there), K layers keeping activations::

    steady + L inputs (T w e) + max(K, 1) kept + work of a layer's backward

The peak is at the first backward: all kept activations plus one recomputed layer. Where frozen weights are cut over
cards, of layers that compute again their inputs and the outputs of their first two products wait in the host's memory
but for two (`decoder/host_inputs.py`), and no pass is a graph: the last layer, which keeps only rows with a target
after its attention, is gone when the one before it takes the most. Under autograd (the trainer engine) the same with
what transformers' layers save in place of `kept`; where nothing is computed again, K = L.

Steady is what trains and what is frozen, the gradients (in the packed engine one buffer, from the start to the end) and
the optimizer's states. Where all N weights train in the packed engine, that is N (2 w' + s) with w' bytes a weight and
s of its states; products add to the buffer themselves, so that the gradients of the weights take nothing besides it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from .allocator import block
from .attention_memory import attention_tensors, attention_work
from .captured import captured, captured_bytes, workspace
from .constants import MEMORY
from .delta import delta_work
from .job import TrainingJob
from .sharding_bytes import cut_parts

_HEAD_CHUNK = 1024  # kernels/response_loss.py
AUTOGRAD_CHUNK = 1024  # training/loss.py
_CPU_LOGITS = 1 << 26  # the same
_PAGED_VALUES = 100_000  # bitsandbytes pages the states of tensors from this size on
_ADAM_VALUES = 2
_STAGES = 2  # decoder/host_inputs.py


@dataclass(frozen=True)
class MicroBatchSize:
    """The largest micro-batch of a run: tokens with filler, those with a target, examples, the longest of them."""

    tokens: int
    targets: int
    examples: int
    longest: int


@dataclass(frozen=True)
class Activations:
    """How a micro-batch is computed: layers that keep what the backward needs, and whether inputs of products too.

    `waits`, of others where weights are cut: whether outputs of the first two products wait in the host's memory.
    """

    kept_layers: int
    keeps_inputs: bool = False
    waits: bool = True


@lru_cache(maxsize=64)
def steady_parts(job: TrainingJob) -> Mapping[str, int]:
    """Return the bytes, by part, that are there at every moment of the training, in the allocator."""
    shape, element = job.shape, job.element
    held = job.trained_element if job.method == "full" else element
    parts = {"weights": vocabulary_bytes(job) + shape.other_parameters * held, "quantization": 0}
    for _, inputs, outputs, layers in shape.matrices:
        values = inputs * outputs
        if job.method == "qlora":
            # NF4 with double quantization (Dettmers et al. 2023): a scale of 8 bits for 64 values, one of 32 bits and
            # for 256 of those; two tables of 16 and 256 values, an offset.
            scales = block(values / 64) + block(values / 64 / 256 * 4) + block(64) + block(1024) + block(4)
            parts["weights"] += layers * block(values / 2)
            parts["quantization"] += layers * scales
        else:
            parts["weights"] += layers * block(values * held)
    parts |= _adapter_parts(job)
    sizes = [size * job.trained_element for size in job.trained_tensors]
    parts["gradients"] = block(sum(sizes)) if job.engine == "packed" else sum(map(block, sizes))
    parts["optimizer"] = optimizer_bytes(job)[0]
    return parts if job.shards is None else cut_parts(job, parts)


def vocabulary_bytes(job: TrainingJob) -> int:
    """Return the bytes of the embeddings, and of the head where it has its own table."""
    held = job.trained_element if job.method == "full" else job.element
    return block(job.shape.vocabulary * job.shape.width * held) * (1 if job.shape.tied else 2)


def _adapter_parts(job: TrainingJob) -> dict[str, int]:
    """Adapters in float32; the packed engine's copies in the compute type, and the buffers it dequantizes into."""
    if job.method == "full":
        return {"adapter": 0, "dequantized": 0}
    shape, element, copies, dequantized, float8 = job.shape, job.element, 0, 0, 0
    adapter = sum(block(4 * size) for size in job.trained_tensors)
    buffers = set()
    for product in (product for kind in shape.layer_kinds for product in kind):
        inputs, outputs, ranks = product.inputs, sum(product.outputs), job.ranks(*product.names)
        if job.engine == "packed":
            # B's copy stands beside the weights where these are held, and once more where they are dequantized.
            copies += product.layers * (block(ranks * inputs * element) + block(outputs * ranks * element))
            if job.float8:
                held = block(outputs * _aligned(inputs + ranks))
                float8 += product.layers * (2 * held + block(4 * outputs) + block(4 * _aligned(inputs + ranks)))
            elif job.method == "qlora":
                buffers.add((product.outputs, ranks, inputs))
        elif job.method == "qlora":
            dequantized = max(dequantized, block(max(i * o for _, i, o, _ in shape.matrices) * element))
    dequantized += sum(block(sum(outputs) * (inputs + ranks) * element) for outputs, ranks, inputs in buffers)
    return {"adapter": adapter + copies, "dequantized": dequantized} | ({"float8": float8} if job.float8 else {})


def _aligned(columns: int) -> int:
    return -(-columns // 16) * 16  # kernels/float8.py


@lru_cache(maxsize=64)
def optimizer_bytes(job: TrainingJob) -> tuple[int, int]:
    """Return the optimizer's states: bytes in the allocator, and in managed memory outside it (paged optimizers)."""
    inside = outside = 0
    for values in job.trained_tensors:
        if job.optimizer == "adafactor":  # a row and a column of second moments (Shazeer and Stern 2018), about
            inside += 8 * int(values**0.5)
            continue
        if "8bit" in job.optimizer and values >= 4096:
            size = _ADAM_VALUES * (values + 4 * values // 256)
        elif "bit" in job.optimizer:
            size = _ADAM_VALUES * 4 * values
        else:
            size = _ADAM_VALUES * job.trained_element * values
        if job.optimizer.startswith("paged") and values >= _PAGED_VALUES:
            outside += size
        else:
            inside += 2 * block(size / 2) + (512 if job.optimizer == "adamw_torch_fused" else 0)
    return inside, outside


def kept_tensors(job: TrainingJob, tokens: int, keeps_inputs: bool, second: bool = False) -> dict[str, int]:
    """Return what a layer of the packed engine keeps besides its input, by the names of `decoder_layer.Saved`.

    `second` asks for a layer of the other kind: a hybrid's with a gated delta rule, which keeps what goes into that, or
    one whose heads are of other sizes.
    """
    shape, e = job.shape.kinds[second and job.shape.other is not None], job.element
    delta = second and shape.delta is not None
    products = {product.name: product for product in job.shape.layer_kinds[second]}
    ranks = {name: job.ranks(*product.names) for name, product in products.items()}
    sizes = {
        "inverse_rms": 4 * tokens * shape.norms_before,
        "attended": tokens * (products["output"].inputs + ranks["output"]) * e,
        "middle": tokens * shape.width * e,
        "middle_inverse_rms": 4 * tokens * shape.norms_before,
        "gate_up": tokens * 2 * shape.inner * e,
    }
    if delta:
        sizes["mixed"] = tokens * sum(products["qkv"].outputs) * e
    else:
        sizes |= attention_tensors(shape, tokens, e)
    if shape.norms_after:
        for part in ("attention_output", "mlp_output"):
            sizes |= {part: tokens * shape.width * e, f"{part}_inverse_rms": 4 * tokens}
    if keeps_inputs:
        sizes["attention_input"] = tokens * (shape.width + ranks["qkv"]) * e
        sizes["mlp_input"] = tokens * (shape.width + ranks["gate_up"]) * e
        sizes["activation"] = tokens * (shape.inner + ranks["down"]) * e
    else:
        apart = {name: rank for name, rank in ranks.items() if rank and name != "output"}
        sizes |= {f"reduced_{name}": tokens * rank * e for name, rank in apart.items()}
    return {name: block(size) for name, size in sizes.items() if size}


def _kept_bytes(job: TrainingJob, tokens: int, keeps_inputs: bool) -> list[tuple[int, int]]:
    """Return what a layer of each kind keeps, and how many layers there are of it."""
    kinds = enumerate(job.shape.layer_kinds)
    return [(sum(kept_tensors(job, tokens, keeps_inputs, bool(n)).values()), kind[0].layers) for n, kind in kinds]


def packed_parts(job: TrainingJob, size: MicroBatchSize, how: Activations) -> dict[str, int]:
    """Return the bytes, by part, that a micro-batch adds at its peak."""
    shape, e, tokens = job.shape, job.element, size.tokens
    kinds = _kept_bytes(job, tokens, how.keeps_inputs and how.kept_layers > 0)
    largest = max(size for size, _ in kinds)
    # Kinds of layers alternate, so that among the kept ones each has its share.
    every = how.kept_layers * sum(size * layers for size, layers in kinds) // shape.layers
    inputs = shape.layers * block(tokens * shape.width * e) if job.shards is None else _cut_inputs(job, tokens, how)
    # Down's backward: the gradient, that of the activation with its ranks, the activation, and what dropout copies.
    dropped = block(tokens * shape.inner * e) if job.dropout else 0
    activation = 0 if how.keeps_inputs and how.kept_layers else block(tokens * shape.inner * e)
    work = block(tokens * shape.width * e) + block(tokens * (shape.inner + job.ranks("down_proj")) * e)
    work += block(tokens * shape.width) if job.float8 else 0  # the gradient once more, in 8 bit
    work += block(tokens * shape.width * e) if shape.norms_after else 0  # the gradient before the norm
    # The attention's, when `gate_up` is gone: gradients by head and side by side, that of its output, the layer's.
    attention = max(attention_work(kind, tokens, e, trains=job.method == "full") for kind in shape.kinds)
    if shape.delta is not None:
        rule = delta_work(shape.delta, tokens, size.examples, e, job.flash)
        attention = max(attention, block(rule) + block(tokens * shape.width * e))
    gate_up = block(tokens * 2 * shape.inner * e)
    work += activation + dropped
    backward = (every or largest) + max(work, attention - gate_up)
    if job.shards is not None and how.kept_layers:
        share = min(size.targets / tokens, 1.0)
        last = int(share * largest) + max(sum(attention_tensors(kind, tokens, e).values()) for kind in shape.kinds)
        last += int(max(share * work, attention - share * gate_up))
        every -= every // how.kept_layers
        backward = max((every or largest) + max(work, attention - gate_up), every + last)
    # A cap's slopes stand beside the logits, of which there are half as many then.
    chunk = 2 * min(size.targets, _HEAD_CHUNK // 2) if shape.capped else min(size.targets, _HEAD_CHUNK)
    head = block(tokens * shape.width * e) + 3 * block(size.targets * shape.width * e)
    logits = block(chunk * shape.vocabulary * e)
    parts = {
        "activations_inputs": inputs,
        "activations_kept": every,
        "activations_work": 0,
        "logits": 0,
    }
    if every + head + logits > backward:
        parts |= {"activations_work": head, "logits": logits}
    else:
        parts["activations_work"] = backward - every
    rotary, numbers = tokens * sum(kind.head_width for kind in shape.kinds) * e, 5 * 8 * tokens
    parts["temporary"] = workspace(job) + rotary + numbers
    # Graphs have a stream's workspace and the states' buffer of their own; without them the head's gradient stays.
    parts["temporary"] += block(tokens * shape.width * e)
    if captured(job, tokens):
        parts["temporary"] += captured_bytes(job, tokens)
    return parts


def _cut_inputs(job: TrainingJob, tokens: int, how: Activations) -> int:
    """Return the bytes of the kept layers' inputs and of the stages of what waits in the host's memory."""
    shape, e = job.shape, job.element
    width = block(tokens * shape.width * e)
    columns = max(sum(product.outputs) for kind in shape.layer_kinds for product in kind if product.name == "qkv")
    waiting = width + block(tokens * columns * e) if how.waits else 0
    return how.kept_layers * width + min(_STAGES, shape.layers - how.kept_layers) * (width + waiting)


def evaluation_bytes(job: TrainingJob, size: MicroBatchSize) -> int:
    """Return what an evaluation batch adds at its peak: logits in compute type and twice in float32, one layer."""
    chunk = min(AUTOGRAD_CHUNK, _CPU_LOGITS // job.shape.vocabulary) if job.cpu else AUTOGRAD_CHUNK
    logits = min(size.targets, chunk) * job.shape.vocabulary * (job.element + 4 + 4)
    layer = size.tokens * (4 * job.shape.width + 3 * job.shape.inner) * job.element
    return max(logits + 2 * size.tokens * job.shape.width * job.element, layer) + workspace(job)


@dataclass(frozen=True)
class Memory:
    """A plan's memory.

    Attributes:
        parts: bytes by part; those of the allocator's peak, then `outside` (paged states), `context` and `slack`.
        peak_bytes: predicts `torch.cuda.max_memory_allocated` of the training.
        device_bytes: what the card must have.
    """

    parts: dict[str, int]
    peak_bytes: int
    device_bytes: int


def total_memory(
    job: TrainingJob, adds: dict[str, int], tokens: int, evaluation: int = 0, steady_bytes: int | None = None
) -> Memory:
    """Return the memory of a run whose largest micro-batch, of `tokens`, adds `adds`.

    These are of `packed_parts` or `trainer_peak`, and replace what is steady otherwise. `evaluation` is what
    `evaluation_bytes` gives for the largest batch, 0 where nothing is evaluated; `steady_bytes` what is allocated
    before the first step, with all states, where a real model told.
    """
    steady = dict(steady_parts(job))
    if steady_bytes is not None:
        steady["weights"] += steady_bytes - sum(steady.values())
    activations = sum(adds.values())
    parts = steady | adds
    if evaluation > activations:
        parts |= dict.fromkeys(adds, 0) | {"evaluation": evaluation}
    peak = sum(parts.values())
    outside = optimizer_bytes(job)[1]
    # A graph's pool stands beside what the allocator caches for the head, the optimizer and the first micro-batch.
    slack = int(MEMORY.slack * activations + (MEMORY.graphs if captured(job, tokens) else 0))
    parts |= {"outside": outside, "context": 0 if job.cpu else int(MEMORY.context), "slack": slack}
    return Memory(parts, peak, sum(parts.values()))
