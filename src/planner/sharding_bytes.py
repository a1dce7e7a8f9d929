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

    Of 4-bit weights two layers stand whole, of all weights two layers, embeddings and head (FSDP2 keeps these between
    forward and backward), and the gradients of embeddings and head before they are added up, once more in float32.
    """
    assert job.shards is not None
    cards, layer = job.shards.cards, layer_bytes(job)
    if job.method == "qlora":
        whole = job.shape.linear_parameters // 2  # bytes; embeddings, head and norms stay whole
        cut = {"weights": parts["weights"] - whole + -(-whole // cards)}
        return parts | cut | {"quantization": -(-parts["quantization"] // cards), "gathered": 2 * layer}
    tables = job.shape.vocabulary * job.shape.width * (1 if job.shape.tied else 2)
    gathered = 2 * layer + tables * (2 * job.trained_element + _REDUCED)
    cut = {name: -(-parts[name] // cards) for name in ("weights", "gradients", "optimizer")}
    return parts | cut | {"gathered": gathered}


def _layer_values(job: TrainingJob) -> int:
    return max(1, job.shape.linear_parameters // job.shape.layers)
