"""The processes of a run and what they tell each other, over torch.distributed: NCCL between GPUs, gloo between CPUs.

A process that is alone is rank 0 of 1, and every function here returns at once, without torch.distributed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .failure import Failure, RankFailedError
from .place import RankPlace
from .watch import Watch

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_BUCKET_BYTES = 64 << 20
_FIRST_VALUES = 1, 1 << 24  # of sums small and large, for which NCCL has different ways


@dataclass
class Member:
    """A process's part in a run of several."""

    place: RankPlace
    watch: Watch


_member: Member | None = None


def take_part(member: Member | None) -> None:
    """Be one of several from here on; None is alone again."""
    global _member
    _member = member


def rank_count() -> int:
    """Return how many processes train the run."""
    return 1 if _member is None else _member.place.count


def own_rank() -> int:
    """Return this process's number among them, from 0."""
    return 0 if _member is None else _member.place.rank


def is_first_rank() -> bool:
    """Tell whether this process speaks and writes for all."""
    return own_rank() == 0


def say_at_the_end(words: Callable[[Failure], None]) -> None:
    """Have `words` called where this process must be left in the midst of waiting."""
    if _member is not None:
        _member.watch.last_words = words


def open_channels() -> None:
    """Meet once on the GPUs: NCCL takes its buffers there, which must not count as free memory later."""
    import torch

    if rank_count() > 1 and torch.cuda.is_available():
        add_up([torch.zeros(count, device="cuda") for count in _FIRST_VALUES])
        torch.cuda.synchronize()


@contextmanager
def working_alone() -> Iterator[None]:
    """Let the others wait longer than usual for what this rank does without them, such as writing a large model."""
    if _member is None:
        yield
        return
    with _member.watch.alone():
        yield


def note_progress() -> None:
    """Tell the others, who may be waiting, that a part of long work is done."""
    if _member is not None:
        _member.watch.progress += 1


def add_up(tensors: "Sequence[torch.Tensor]") -> None:
    """Replace each tensor by its sum over all ranks."""
    import torch.distributed as dist

    with _meeting():
        for tensor in tensors:
            dist.all_reduce(tensor)


def add_up_together(tensors: "Sequence[torch.Tensor]") -> None:
    """As `add_up`, for many tensors, some megabytes at a time."""
    for bucket in _buckets(tensors):
        flat = _flat(bucket)
        add_up([flat])
        _take_apart(flat, bucket)


def copy_from_first(tensors: "Sequence[torch.Tensor]") -> None:
    """Replace each tensor by that of rank 0."""
    import torch.distributed as dist

    if rank_count() == 1:
        return
    for bucket in _buckets(tensors):
        flat = _flat(bucket)
        with _meeting():
            dist.broadcast(flat, 0)
        _take_apart(flat, bucket)


def agreed(make: Callable[[], T]) -> T:
    """Return what rank 0 makes, on all ranks."""
    if rank_count() == 1:
        return make()
    import torch.distributed as dist

    made: list[Any] = [None]
    if is_first_rank():
        with working_alone():
            made = [make()]
    with _meeting():
        dist.broadcast_object_list(made, 0)
    result: T = made[0]
    return result


def gathered(value: T) -> list[T]:
    """Return each rank's value, in order."""
    if rank_count() == 1:
        return [value]
    import torch.distributed as dist

    values: list[Any] = [None] * rank_count()
    with _meeting():
        dist.all_gather_object(values, value)
    return values


def begin_gathering(whole: "torch.Tensor", part: "torch.Tensor") -> Callable[[], None]:
    """Begin to put each rank's part into `whole`, one behind the other; return what waits for that.

    On a GPU it is done beside what is asked of the GPU from here on, and the wait is the GPU's.
    """
    import torch.distributed as dist

    gather = getattr(dist, "all_gather_single", dist.all_gather_into_tensor)  # renamed after torch 2.12
    with _meeting():
        work = gather(whole, part, async_op=True)

    def wait() -> None:
        with _blamed():
            work.wait()

    return wait


@contextmanager
def library_meeting() -> Iterator[None]:
    """Let a library meet the other ranks in its own way: where it waits or fails, it is as in a meeting of ours."""
    if _member is None:
        yield
        return
    with _meeting():
        yield


@contextmanager
def _meeting() -> Iterator[None]:
    """Count a meeting of all ranks; where it fails, the rank that has ended the run is to blame, not this one."""
    assert _member is not None
    _member.watch.meetings += 1
    with _blamed():
        yield


@contextmanager
def _blamed() -> Iterator[None]:
    assert _member is not None
    try:
        yield
    except RuntimeError as error:
        import torch

        failure = None if isinstance(error, torch.OutOfMemoryError) else _member.watch.settle()
        if failure is None:
            raise
        raise RankFailedError(failure) from error


def _buckets(tensors: "Sequence[torch.Tensor]") -> "Iterator[list[torch.Tensor]]":
    """Yield tensors of one type and device, so many together as are some megabytes."""
    bucket: list[torch.Tensor] = []
    size = 0
    for tensor in tensors:
        same = not bucket or (bucket[0].dtype == tensor.dtype and bucket[0].device == tensor.device)
        if not same or size >= _BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.nbytes
    if bucket:
        yield bucket


def _flat(bucket: "list[torch.Tensor]") -> "torch.Tensor":
    import torch

    return torch.cat([tensor.detach().reshape(-1) for tensor in bucket])


def _take_apart(flat: "torch.Tensor", bucket: "list[torch.Tensor]") -> None:
    import torch

    parts = torch.split(flat, [tensor.numel() for tensor in bucket])
    for tensor, part in zip(bucket, parts, strict=True):
        tensor.detach().copy_(part.view(tensor.shape))
