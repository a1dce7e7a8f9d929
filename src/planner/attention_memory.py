"""What attention of the packed engine takes in memory; names as in `memory`."""

from .allocator import block
from .model_shape import ModelShape


def attention_tensors(shape: ModelShape, tokens: int, e: int) -> dict[str, int]:
    """Return the bytes of what attention of a layer keeps for its backward, by tensor."""
    sizes = {"heads": tokens * shape.columns * e, "log_sums": tokens * shape.heads * 4}
    if shape.head_norms:
        sizes["raw"] = tokens * shape.columns * e
        sizes["head_inverse_rms"] = tokens * (shape.heads + shape.key_heads) * 4
    if shape.value_norms:
        sizes["values"] = tokens * shape.key_heads * shape.head_width * e
        sizes["value_inverse_rms"] = tokens * shape.key_heads * 4
    if shape.gated:
        sizes |= {"gate": tokens * shape.attended * e, "output": tokens * shape.attended * e}
    return sizes


def attention_work(shape: ModelShape, tokens: int, e: int, trains: bool) -> int:
    """Return the bytes of a layer's backward through attention; `trains` says whether its norms' weights do."""
    work = 2 * block(tokens * shape.columns * e) + block(tokens * (shape.attended + shape.width) * e)
    if trains and shape.head_norms:  # each token's part of the gradients of both norms, in float32
        work += block(tokens * 2 * shape.head_width * 4)
    if shape.value_norms:  # the values' gradients before their norm and after it, and a copy without their columns
        work += 2 * block(tokens * shape.key_heads * shape.head_width * e)
        if not shape.values:
            work += block(tokens * (shape.columns - shape.key_heads * shape.head_width) * e)
    if shape.gated:  # the product's gradient beside that of its parts
        work += block(tokens * (shape.columns + shape.attended) * e) + block(tokens * shape.attended * e)
    return work
