"""The processes of a run and what they tell each other, over torch.distributed: NCCL between GPUs, gloo between CPUs.

A process that is alone is rank 0 of 1, and every function here returns at once, without torch.distributed.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import YoyakError
from .failure import STOPPED, Failure, RankFailedError
from .place import RankPlace
from .watch import Watch

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_JOIN_SECONDS = 300  # that all ranks have to come together: machines of a cluster don't start at once
_STORE_SECONDS = 15  # that a launcher's store is looked for: without it, its variables are left over
_BUCKET_BYTES = 64 << 20


@dataclass
class _Member:
    """This process's part in a run of several."""

    place: RankPlace
    watch: Watch


_member: _Member | None = None


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

    made: list[Any] = [make() if is_first_rank() else None]
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


@contextmanager
def _meeting() -> Iterator[None]:
    """Count a meeting of all ranks; where it fails, the rank that has ended the run is to blame, not this one."""
    assert _member is not None
    watch = _member.watch
    watch.meetings += 1
    try:
        yield
    except RuntimeError as error:
        failure = watch.settle()
        if failure is None:
            raise
        raise RankFailedError(failure) from error


def _buckets(tensors: "Sequence[torch.Tensor]") -> "Iterator[list[torch.Tensor]]":
    """Yield tensors of one type and device, so many together as are some megabytes."""
    bucket: list[torch.Tensor] = []
    for tensor in tensors:
        same = not bucket or (bucket[0].dtype == tensor.dtype and bucket[0].device == tensor.device)
        if not same or sum(one.nbytes for one in bucket) >= _BUCKET_BYTES:
            yield bucket
            bucket = []
        bucket.append(tensor)
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


@contextmanager
def one_of_several(place: RankPlace, wait_minutes: float, show_traceback: bool = False) -> Iterator[None]:
    """Join a run's other processes; where any fails, all end, and one line says which and why.

    Args:
        place: of this process.
        wait_minutes: most that a rank may keep the others waiting.
        show_traceback: of an unexpected fault.

    Raises:
        SystemExit: the run has failed, which has been said.
        YoyakError: this rank has failed first; its number stands before what it says.
    """
    global _member
    try:
        _member = _join(place, wait_minutes)
    except (RuntimeError, ValueError) as error:
        why = (str(error).strip().splitlines() or [""])[0][:200]
        raise YoyakError(
            f"this is process {place.rank} of {place.count} ({place.launcher}), and the others are not at "
            f"{place.host}:{place.port} ({why}); start all, or `unset` what a launcher has left in the environment"
        ) from None
    watch = _member.watch
    try:
        with _speaking_for_all(place):
            yield
        watch.leaves()
        gathered(None)  # rank 0 may hold the store, and all of them end with it
    except RankFailedError as error:
        raise SystemExit(error.failure.code) from None
    except KeyboardInterrupt as stop:
        _report_stop(watch, place, stop)
        raise
    except Exception as error:
        failure = watch.report(_failure_of(error, place, show_traceback))
        if place.launched_here or failure.rank != place.rank:
            raise SystemExit(failure.code) from None
        if isinstance(error, YoyakError):
            raise YoyakError(failure.sentence()) from error
        raise
    finally:
        watch.stop()
        _member = None
        _leave()


def _report_stop(watch: Watch, place: RankPlace, stop: KeyboardInterrupt) -> None:
    """Stop the others too where only this rank was told to, before all could agree on a step to stop after."""
    if not getattr(stop, "agreed", False):
        code = int(getattr(stop, "exit_code", STOPPED + 2))
        watch.report(Failure(place.rank, place.count, "was told to stop", code))


def _failure_of(error: Exception, place: RankPlace, show_traceback: bool) -> Failure:
    from ..redaction import redact, traceback_of

    trace = traceback_of(error) if show_traceback else ""
    if isinstance(error, YoyakError):
        return Failure(place.rank, place.count, redact(str(error)), 2, trace)
    first = (str(error).strip().splitlines() or [""])[0]
    return Failure(place.rank, place.count, redact(f"unexpected {type(error).__name__}: {first}"), 1, trace)


@contextmanager
def _speaking_for_all(place: RankPlace) -> Iterator[None]:
    """Let only rank 0 print what belongs to the run."""
    if place.rank == 0:
        yield
        return
    before = sys.stdout
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = nowhere
        try:
            yield
        finally:
            sys.stdout = before


def _join(place: RankPlace, wait_minutes: float) -> _Member:
    """Meet the others; every rank has a GPU of its own, or all of them none."""
    import torch
    import torch.distributed as dist
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    if place.host in ("127.0.0.1", "localhost"):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    _take_own_gpu(place)
    limit = timedelta(seconds=_JOIN_SECONDS)
    found = timedelta(seconds=_STORE_SECONDS) if place.launcher_holds_store else limit
    where: Any = {"host_name": place.host, "port": place.port, "timeout": found, "wait_for_workers": False}
    store, watched = TCPStore(is_master=place.holds_store, **where), TCPStore(is_master=False, **where)
    store.set_timeout(limit)
    on_gpu = torch.cuda.is_available()
    watch = Watch(place, PrefixStore("watch", watched), 60 * wait_minutes, _abort)
    watch.start()
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            store=PrefixStore("run", store),
            rank=place.rank,
            world_size=place.count,
            timeout=timedelta(minutes=wait_minutes) + limit,
        )
    except BaseException:
        watch.stop()
        raise
    member = _Member(place, watch)
    _refuse_shared_gpus(member, on_gpu)
    return member


def _take_own_gpu(place: RankPlace) -> None:
    """Make the rank's own GPU the only one that this process sees, before CUDA starts."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    if count < 2:
        return
    if place.local_rank >= count:
        raise YoyakError(f"rank {place.rank} of {place.count}: its machine has {count} GPUs; start as many processes")
    names = visible.split(",") if visible else [str(number) for number in range(count)]
    os.environ["CUDA_VISIBLE_DEVICES"] = names[place.local_rank]


def _refuse_shared_gpus(member: _Member, on_gpu: bool) -> None:
    global _member
    import torch

    _member = member
    own = str(torch.cuda.get_device_properties(0).uuid) if on_gpu else None
    all_of_them = gathered(own)
    if on_gpu and len(set(all_of_them)) < len(all_of_them):
        raise YoyakError(f"{member.place.count} processes share {len(set(all_of_them))} GPUs; start one on each")
    if len({one is None for one in all_of_them}) > 1:
        raise YoyakError("some processes see a GPU and some none; start all on machines that have one")


def _abort() -> None:
    import torch.distributed.distributed_c10d as c10d

    c10d._abort_process_group()


def _leave() -> None:
    import torch.distributed as dist

    with suppress(Exception):
        if dist.is_initialized():
            dist.destroy_process_group()
