"""What a padded micro-batch keeps in memory under autograd (the trainer engine); names as in `memory`."""

from dataclasses import replace

from ..architectures import PRODUCTS
from ..descriptions import DELTA_CHUNK
from .allocator import block
from .captured import workspace
from .job import TrainingJob
from .memory import AUTOGRAD_CHUNK, MicroBatchSize, steady_parts
from .sharding_bytes import backward_bytes, end_bytes


def saved_by_autograd(job: TrainingJob, tokens: int) -> dict[str, int]:
    """Return what transformers' layer with PEFT's adapters saves for its backward under autocast, by tensor.

    RMSNorm keeps its input in float32; PEFT keeps each adapter's input in the compute type (one copy for all that share
    it on a 4-bit base, one each on a 16-bit base, which PEFT casts to float32 and autocast back), with dropout one and
    a mask each; attention keeps queries, keys, values and output; SwiGLU four tensors of the MLP's width.
    """
    shape, e = job.shape, job.element
    keys = shape.key_heads * shape.head_width
    columns = {
        "norm_inputs_float32": shape.norms * shape.width * 4,
        "inverse_rms": shape.norms * 4,
        "queries": shape.attended * e,
        "keys_values": 2 * keys * e,
        "attended": shape.attended * e,
        "log_sums": 4 * shape.heads,
        "gate": shape.inner * e,
        "up": shape.inner * e,
        "silu": shape.inner * e,
        "reduced": job.ranks(*job.targets) * e,
    }
    if shape.head_norms:
        of_values = shape.value_norms
        columns["head_norm_inputs_float32"] = (shape.attended + (1 + of_values) * keys) * 4
        columns["head_inverse_rms"] = (shape.heads + (1 + of_values) * shape.key_heads) * 4
    columns |= _inputs_saved(job)
    return {name: tokens * size for name, size in columns.items() if size}


def saved_by_delta_rule(job: TrainingJob, tokens: int) -> int:
    """Return the bytes that a hybrid's layer without attention saves, as counted in transformers' code, not measured.

    `torch_chunk_gated_delta_rule` computes in float32, in chunks of 64 tokens: queries, keys and values are kept before
    and after the convolution, the norm and the scaling, six matrices of a chunk by a chunk a head, and a head's state
    (keys by values) for each chunk. Where Flash Linear Attention is installed less is kept.
    """
    delta = job.shape.delta
    if delta is None:
        return 0
    width = delta.values // delta.heads  # of a head; of its keys too
    states = delta.heads * width * width // DELTA_CHUNK
    floats = 4 * (2 * delta.keys + 2 * delta.values) + 6 * DELTA_CHUNK * delta.heads + states
    rest = saved_by_autograd(job, tokens)
    return tokens * 4 * floats + sum(rest[name] for name in ("norm_inputs_float32", "gate", "up", "silu"))


def _inputs_saved(job: TrainingJob) -> dict[str, int]:
    """Return the bytes a token of the matrices' inputs that autograd keeps."""
    shape, e = job.shape, job.element
    if job.method == "full":
        normalized = 2 * shape.width + (shape.attended + shape.key_heads * shape.head_width) * shape.head_norms
        return {"norm_outputs": 2 * shape.width * e, "normalized": normalized * e, "activation": shape.inner * e}
    inputs = [width for width, _ in job.adapters]
    if job.dropout:
        return {"dropped_inputs": sum(inputs) * e, "dropout_masks": sum(inputs)}
    if job.method == "lora":
        return {"cast_inputs": sum(inputs) * e}
    # The input of o_proj is kept already, as `attended`.
    kept = [names for product, names in PRODUCTS.items() if product != "output" and job.ranks(*names)]
    return {"inputs": sum(shape.linears[names[0]][0] for names in kept) * e}


def trainer_peak(
    job: TrainingJob, largest: MicroBatchSize, later: MicroBatchSize | None, checkpointing: bool
) -> dict[str, int]:
    """Return the bytes, by part, that a step adds at its peak, which is one of three moments.

    The largest micro-batch, if it is the first of its step: there are no gradients yet; the largest of those after it;
    or, where all weights train, the end of a backward: the gradients of the embeddings and of a tied head are summed
    then, three tables beside the one that is kept.
    """
    if job.shards is not None and job.method == "full":
        return _cut_peak(job, largest, later, checkpointing)
    moments = [trainer_parts(job, largest, checkpointing) | {"gradients": 0}]
    if later is not None:
        moments.append(trainer_parts(job, later, checkpointing))
    if job.method == "full":
        table = block(job.shape.vocabulary * job.shape.width * job.trained_element)
        moments.append({"temporary": 2 * workspace(job) + table * (3 if job.shape.tied else 1)})
    gradients = steady_parts(job)["gradients"]
    return max(moments, key=lambda parts: sum(({"gradients": gradients} | parts).values()))


def _cut_peak(
    job: TrainingJob, largest: MicroBatchSize, later: MicroBatchSize | None, checkpointing: bool
) -> dict[str, int]:
    """Return the same of weights that FSDP2 has cut, of four moments: in the backward of the first micro-batch's last
    layer (no gradients yet) and of its first one (nearly all), of a later micro-batch, and when a backward ends.
    """
    whole = {"gathered": backward_bytes(job)}
    first = trainer_parts(job, largest, checkpointing) | whole
    moments = [first | {"gradients": 0}]
    moments.append(first | {"activations_inputs": 0} if checkpointing else first | {"activations_kept": 0})
    if later is not None:
        moments.append(trainer_parts(job, later, checkpointing) | whole)
    moments.append({"gathered": end_bytes(job), "temporary": 2 * workspace(job)})
    gradients = steady_parts(job)["gradients"]
    return max(moments, key=lambda parts: sum(({"gradients": gradients} | parts).values()))


def trainer_parts(job: TrainingJob, size: MicroBatchSize, checkpointing: bool) -> dict[str, int]:
    """Return the bytes, by part, that a padded micro-batch adds at its peak under autograd."""
    shape, e, tokens = job.shape, job.element, size.tokens
    delta = saved_by_delta_rule(job, tokens)
    attentions = [
        (sum(saved_by_autograd(replace(job, shape=kind), tokens).values()), kind.attention_layers)
        for kind in shape.kinds
    ]
    one = max(delta, *(size for size, _ in attentions))
    every = sum(size * layers for size, layers in attentions) + (shape.layers - shape.attention_layers) * delta
    inputs = shape.layers * block(tokens * shape.width * e)
    work = tokens * _autograd_columns(job, checkpointing) * e
    kept = one if checkpointing else every
    # Cross entropy in float32: its output, and two gradients of it in the backward.
    logits = 3 * 4 * min(size.targets, AUTOGRAD_CHUNK) * shape.vocabulary
    head = 2 * block(tokens * shape.width * e)
    parts = {"activations_inputs": inputs if checkpointing else 0, "activations_kept": 0, "logits": 0}
    alive = 0 if checkpointing else kept
    if alive + head + logits > kept + work:
        parts |= {"activations_kept": alive, "activations_work": head, "logits": logits}
    else:
        parts |= {"activations_kept": kept, "activations_work": work}
    parts["temporary"] = 2 * workspace(job)  # the backward has a thread, and so a cuBLAS handle, of its own
    if job.method != "full":  # autocast's copies of the adapters
        parts["temporary"] += job.trained * e
    elif job.dtype == "fp16":
        parts["temporary"] += job.trained * 2
    return parts


def _autograd_columns(job: TrainingJob, checkpointing: bool) -> int:
    """Return how many values a token takes at the peak besides the saved tensors; found by tracing the operations.

    With recomputation the peak is in the last layer's MLP: gradients of its output, of the activation and of SwiGLU's
    two factors; on a 16-bit base also PEFT's float32 copy of the widest input, and with dropout another. Without it the
    peak may be in the last norm's backward: five float32 tensors of the model's width, and more.
    """
    width, inner = job.shape.width, job.shape.inner
    if job.method == "lora":
        columns = 5 * width + (5 if job.dropout else 3) * inner
    else:
        columns = width + (3 if job.dropout else 2) * inner
    if not checkpointing:
        columns = max(columns, (12 if job.method == "full" else 10) * width)
    return columns + 2 * job.shape.head_width
