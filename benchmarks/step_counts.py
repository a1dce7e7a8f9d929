"""Operations of a training step of the packed engine, and the bytes that it must move, by part; for a roofline.

For adapters on 4-bit or 16-bit weights, without dropout.

Rates and shares of `step_profile.py` are over these counts. A multiplication and an addition are two operations. Bytes
are those that a part reads and writes in the card's memory if each of its kernels reads its inputs once and writes its
outputs once: caches can make them fewer, and kernels that read twice more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from src.planner.duration import step_counts
from src.planner.job import TrainingJob
from src.planner.memory import Activations, MicroBatchSize
from src.planner.model_shape import ModelShape
from src.planner.step_work import StepWork

HEAD_CHUNK = 1024  # kernels/response_loss.py: positions whose logits exist at a time


@dataclass(frozen=True)
class Batch:
    """A micro-batch's sizes.

    Attributes:
        rows: tokens that are computed, filler included.
        tokens: those of examples.
        targets: tokens with a loss.
        pairs: of a query and a key that the causal mask lets through.
    """

    rows: int
    tokens: int
    targets: int
    pairs: int

    @property
    def chunks(self) -> int:
        """Return how often the head is multiplied with, each way."""
        return -(-self.targets // HEAD_CHUNK)


@dataclass(frozen=True)
class Count:
    """Floating point operations, and bytes that move."""

    flops: float
    bytes: float


def frozen_kernels(job: TrainingJob, how: Activations, batch: Batch) -> int:
    """Return how many products with frozen weights and the head a micro-batch has, a kernel each.

    A layer has four (q/k/v, o, gate/up, down) each way; where it is computed again, three of them once more.
    """
    again = job.shape.layers - how.kept_layers
    return 8 * job.shape.layers + 3 * again + 2 * batch.chunks


def step_parts(job: TrainingJob, how: Activations, batches: Sequence[Batch]) -> dict[str, Count]:
    """Return the counts of a step of these micro-batches, by part, and of the whole as `step`.

    Operations are the planner's (`planner/duration.py`), where it has them:

    - `frozen`: 2 x rows x parameters forward, as many for the inputs' gradients, and again (without `down`) in layers
      that are computed again; the head's 2 x targets x parameters, twice. Bytes: a product's weights once a micro-batch
      (the head's once a chunk of 1,024 targets), its inputs and outputs, in the compute type.
    - `adapters`: 2 x rows x rank x inputs for the reduced inputs (again where computed again), for A's gradient and for
      the sum onto the inputs' gradients (but down's, which is within SwiGLU), and 2 x rows x rank x outputs for B's
      gradient; products with B are columns of the frozen ones. Bytes: the wide sides only, those of rank columns are
      small; the sum onto the inputs' gradients reads and writes them.
    - `attention`: 4 operations a pair and column of the queries forward, 10 backward (Dao 2023), though our backward
      computes the scores twice. Bytes: queries, keys, values and output forward; these, the output's gradient and
      those of queries, keys and values backward.
    - `elementwise`: norms, rotation, SwiGLU and residual sums, see `elementwise_flops` and `elementwise_values`.
    - `dequantization`: a multiplication a weight. Bytes: half a byte a weight and a scale of a byte for each 64 read, a
      value of the compute type written, for each use: twice, also where a layer is computed again, since its backward
      then finds the weights in place.
    - `head_loss`: 6 operations a logit. Bytes: a logit is read twice and its gradient written.
    - `optimizer`: the passes over gradients and trained values, and the optimizer's states read and written; 20
      operations a trained value.

    `step` sums the bytes; of operations it has those of `frozen` only, so that its rate tells what the rest costs.
    """
    shape, e = job.shape, job.element
    rows, targets = sum(b.rows for b in batches), sum(b.targets for b in batches)
    again = 1 - how.kept_layers / shape.layers
    counts = step_counts(job, work_of(batches), how)
    # Inputs and outputs of a layer's four products.
    sides = {
        "qkv": (shape.width, shape.columns),
        "o": (shape.attended, shape.width),
        "gate_up": (shape.width, 2 * shape.inner),
        "down": (shape.inner, shape.width),
    }
    inputs, outputs = sum(i for i, _ in sides.values()), sum(o for _, o in sides.values())
    both = inputs + outputs
    weights = shape.linear_parameters / shape.layers
    down = shape.inner * shape.width
    products = len(batches) * (2 * weights + again * (weights - down)) + rows * (2 + again) * both
    products -= again * rows * sum(sides["down"])
    table, chunks = shape.vocabulary * shape.width, sum(b.chunks for b in batches)
    head = 2 * (chunks * table + targets * (shape.vocabulary + shape.width))
    adapted = (2 + again) * inputs + outputs + 2 * (inputs - shape.inner)
    attention = (3 + again) * (shape.columns + shape.attended)
    ranked = job.rank * sum((3 + again) * i + o for i, o in job.adapters) - job.ranks("down_proj") * shape.inner
    logits = targets * shape.vocabulary
    dequantized = 2 * shape.linear_parameters * len(batches) if job.method == "qlora" else 0
    parts = {
        "frozen": Count(counts["products"] + counts["head"], e * (shape.layers * products + head)),
        "adapters": Count(2.0 * rows * shape.layers * ranked, float(e * shape.layers * rows * adapted)),
        "attention": Count(counts["attention"], float(e * shape.layers * rows * attention)),
        "elementwise": Count(
            float(rows * shape.layers * elementwise_flops(shape, again)),
            float(rows * shape.layers * e * elementwise_values(shape, how, again)),
        ),
        "dequantization": Count(dequantized, dequantized * (0.5 + 1 / 64 + e)),
        "head_loss": Count(6.0 * logits, 3.0 * e * logits),
        "optimizer": Count(20.0 * job.trained, counts["optimizer"]),
    }
    return parts | {"step": Count(parts["frozen"].flops, sum(part.bytes for part in parts.values()))}


def elementwise_flops(shape: ModelShape, again: float) -> float:
    """Return the operations a token and layer of the elementwise passes, counted in the kernels' text.

    An RMSNorm takes 5 a value forward (with a residual sum) and 7 backward, a rotation 3 each way, SwiGLU 6 forward and
    14 backward, where a sigmoid is 4. `again` is the share of the layers that are computed again.
    """
    rotated = shape.columns - shape.key_heads * shape.head_width
    head_norms = 1 if shape.head_norms else 0
    forward = 10 * shape.width + (3 + 5 * head_norms) * rotated
    backward = 14 * shape.width + (3 + 7 * head_norms) * rotated
    return forward * (1 + again) + backward + 20 * shape.inner


def elementwise_values(shape: ModelShape, how: Activations, again: float) -> float:
    """Return the values a token and layer that the elementwise passes read and write, without dropout.

    Forward: both norms read an input and a residual and write the sum and the normal values (8 widths); rotation in
    place, or with norms of the heads to another buffer (2 times what it turns, or 2 times all columns); SwiGLU 3 inner
    widths. Backward: SwiGLU reads the gradient, gate and up and writes the last two's (5), and the activation where
    inputs are not kept (1); each norm reads gradient, input and residual gradient and writes one (8 widths), and makes
    its values again where they are not kept (4); rotation reads and writes all columns, and reads what stood before the
    norms of the heads. A layer that is computed again repeats the forward without SwiGLU and its first residual.
    """
    rotated = shape.columns - shape.key_heads * shape.head_width
    turned = 2 * shape.columns if shape.head_norms else 2 * rotated
    forward = 8 * shape.width + turned + 3 * shape.inner
    repeated = 6 * shape.width + turned
    unkept = 1.0 if not how.keeps_inputs else again
    before_norms = rotated if shape.head_norms else 0
    backward = 8 * shape.width + 5 * shape.inner + 2 * shape.columns + before_norms
    return forward + again * repeated + backward + unkept * (4 * shape.width + shape.inner)


def work_of(batches: Sequence[Batch]) -> StepWork:
    """Return the micro-batches as the planner describes a step."""
    rows, tokens = sum(b.rows for b in batches), sum(b.tokens for b in batches)
    targets, pairs = sum(b.targets for b in batches), sum(b.pairs for b in batches)
    largest = MicroBatchSize(max(b.rows for b in batches), max(b.targets for b in batches), 0, 0)
    return StepWork(rows, tokens, targets, pairs, len(batches), largest)
