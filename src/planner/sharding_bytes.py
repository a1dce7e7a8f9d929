"""What of a training's memory is cut over cards, and what stands whole beside it."""

from .job import TrainingJob

_REDUCED = 4  # bytes of a gradient on its way, in float32


def layer_bytes(job: TrainingJob) -> int:
    """Return the bytes of the largest layer as it is gathered: in 4 bit with its scales, or as all weights are held."""
    values = _layer_values(job)
    # NF4 with double quantization: half a byte, a scale of a byte for 64 values, one of 4 for 256 of those.
    return int(values * (1 / 2 + 1 / 64 + 4 / 64 / 256)) if job.method == "qlora" else values * job.trained_element


def cut_parts(job: TrainingJob, parts: dict[str, int]) -> dict[str, int]:
    """Return the parts that are steady, by name, with one card's of what is cut.

    Of 4-bit weights two layers stand whole, of all weights two layers, embeddings and head: FSDP2 keeps these between
    forward and backward.
    """
    assert job.shards is not None
    cards, layer = job.shards.cards, layer_bytes(job)
    if job.method == "qlora":
        whole = job.shape.linear_parameters // 2  # bytes; embeddings, head and norms stay whole
        cut = {"weights": parts["weights"] - whole + -(-whole // cards)}
        return parts | cut | {"quantization": -(-parts["quantization"] // cards), "gathered": 2 * layer}
    cut = {name: -(-parts[name] // cards) for name in ("weights", "gradients", "optimizer")}
    return parts | cut | {"gathered": 2 * layer + table_values(job) * job.trained_element}


def backward_bytes(job: TrainingJob) -> int:
    """Return what stands whole in a backward under FSDP2: two layers, embeddings and head, the head's gradient, which
    waits for the end, and a layer's gradients, once more in float32 on their way to the other cards.
    """
    layer, tables = layer_bytes(job), table_values(job)
    head = job.shape.vocabulary * job.shape.width
    reduced = _layer_values(job) * (job.trained_element + _REDUCED)
    return 2 * layer + (tables + head) * job.trained_element + reduced


def end_bytes(job: TrainingJob) -> int:
    """Return what stands whole at the end of a backward under FSDP2: the gradients of embeddings and head, in float32
    too. Their weights are let go before.
    """
    return table_values(job) * (job.trained_element + _REDUCED)


def exchanged_bytes(job: TrainingJob) -> tuple[float, float]:
    """Return the bytes of a micro-batch under FSDP2 that go between cards, as of a gathering, and those that are copied
    on a card: what is gathered twice, forward and back, out of one piece (read, written), gradients into one (float32).
    """
    values = job.shape.linear_parameters
    tables, e = table_values(job), job.trained_element
    between = values * (2 * e + _REDUCED) + tables * (e + _REDUCED)
    return between, values * (2 * 2 * e + e + _REDUCED) + tables * (2 * e + e + _REDUCED)


def table_values(job: TrainingJob) -> int:
    """Return the numbers of embeddings and head."""
    return job.shape.vocabulary * job.shape.width * (1 if job.shape.tied else 2)


def _layer_values(job: TrainingJob) -> int:
    return max(1, job.shape.linear_parameters // job.shape.layers)
