"""What an evaluation of the loss computes: packed as the training is, or in padded batches of similar lengths."""

import math
from collections.abc import Sequence

from .job import TrainingJob
from .step_work import ExampleTokens


def evaluates_packed(job: TrainingJob) -> bool:
    """Tell whether the packed engine computes the evaluation loss too (see `training.packed_step`)."""
    return job.engine == "packed" and job.shards is None and not job.float8


def examples_at_a_time(job: TrainingJob) -> int:
    """Return of how many examples the largest evaluation batch is that may take more memory than a training step.

    Packed ones are as large as the training's micro-batches and keep nothing, unless one example alone is larger.
    """
    return 1 if evaluates_packed(job) else job.eval_batch_size


def evaluation_work(
    job: TrainingJob, examples: Sequence[ExampleTokens], micro_batch_tokens: int | None
) -> tuple[int, int, int]:
    """Return the tokens of an evaluation, with padding where there is some, those with a target, and batches.

    A beginning that all examples share is counted in each.
    """
    if not evaluates_packed(job):
        return padded_evaluation(examples, job.eval_batch_size)
    tokens = sum(length for length, _ in examples)
    batches = math.ceil(tokens / micro_batch_tokens) if micro_batch_tokens else len(examples)
    return tokens, sum(targets for _, targets in examples), batches


def padded_evaluation(examples: Sequence[ExampleTokens], batch_size: int) -> tuple[int, int, int]:
    """Return padded tokens, targets and batches of an evaluation, whose batches hold similar lengths."""
    ordered = sorted(examples, reverse=True)
    batches = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    return (sum(batch[0][0] * len(batch) for batch in batches), sum(targets for _, targets in ordered), len(batches))
