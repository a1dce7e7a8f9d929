"""What micro-batches that run from CUDA graphs take in memory besides the others' tensors."""

from ..data.batches.bins import BESIDE_BYTES, CAPTURED_TOKENS
from .constants import MEMORY
from .job import TrainingJob


def captured(job: TrainingJob, tokens: int) -> bool:
    """Tell whether a micro-batch's passes run from CUDA graphs, which keep a memory pool of their own."""
    plain = job.shape.delta is None and job.shards is None
    return job.engine == "packed" and tokens <= CAPTURED_TOKENS and not job.cpu and plain


def captured_bytes(job: TrainingJob, tokens: int) -> int:
    """Return a stream's workspace and the numbers of tokens, which graphs have of their own.

    Of small layers another stream's besides, on which adapters' gradients are added, with operands that wait for it.
    """
    operands = max(
        tokens * job.element * sum(sum(one.outputs) + 2 * (one.inputs + job.ranks(*one.names)) for one in products)
        for products in job.shape.layer_kinds
    )
    beside = operands <= BESIDE_BYTES and job.method != "full"
    return workspace(job) + 32 * tokens + (workspace(job) + operands if beside else 0)


def workspace(job: TrainingJob) -> int:
    """Return the bytes of cuBLAS's workspace on a GPU."""
    return 0 if job.cpu else int(MEMORY.workspace)
