"""Joining a run's other processes, and leaving them, in order or since one has failed."""

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from ..errors import YoyakError
from .failure import STOPPED, Failure, RankFailedError
from .group import Member, gathered, take_part
from .place import RankPlace
from .watch import ALONE_TIMES, Watch

_JOIN_SECONDS = 300  # that all ranks have to come together: machines of a cluster don't start at once
_LEAVE_SECONDS = 5.0  # that ending communication may take where this run has failed
_LEAVE_IN_ORDER_SECONDS = 60.0  # where it has not, and all others leave too, on a machine that may be busy
_STORE_SECONDS = 15  # that a launcher's store is looked for: without it, its variables are left over


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
    try:
        member = _join(place, wait_minutes)
    except (RuntimeError, ValueError) as error:  # of torch.distributed
        why = (str(error).strip().splitlines() or [""])[0][:200]
        raise YoyakError(
            f"this is process {place.rank} of {place.count} ({place.launcher}), and the others are not at "
            f"{place.host}:{place.port} ({why}); start all, or `unset` what a launcher has left in the environment"
        ) from None
    watch = member.watch
    take_part(member)
    in_order = False
    try:
        _refuse_shared_gpus(place)
        with _speaking_for_all(place):
            yield
        watch.leaves()
        gathered(None)  # rank 0 may hold the store, and all of them end with it
        in_order = True
    except RankFailedError as error:
        raise SystemExit(error.failure.code) from None
    except KeyboardInterrupt as stop:
        in_order = bool(getattr(stop, "agreed", False))
        if not in_order:
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
        take_part(None)
        _leave(in_order)


def _report_stop(watch: Watch, place: RankPlace, stop: KeyboardInterrupt) -> None:
    """Stop the others too: only this rank was told to, before all could agree on a step to stop after."""
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


def _join(place: RankPlace, wait_minutes: float) -> Member:
    """Meet the others; every rank has a GPU of its own, or all of them none."""
    import torch
    import torch.distributed as dist

    # Loaded later, its functions would keep the group as a default value, and with it threads that end with a crash.
    import torch.distributed.nn.functional
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
    if on_gpu:  # it takes seconds in which no other thread of this process runs, and a watch could not give a sign
        torch.cuda.init()  # type: ignore[no-untyped-call]
    watch = Watch(place, PrefixStore("watch", watched), 60 * wait_minutes, _abort)
    watch.start()
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            store=PrefixStore("run", store),
            rank=place.rank,
            world_size=place.count,
            timeout=timedelta(minutes=ALONE_TIMES * wait_minutes) + limit,  # the watch ends it before
        )
    except BaseException:
        watch.stop()
        raise
    return Member(place, watch)


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


def _refuse_shared_gpus(place: RankPlace) -> None:
    import torch

    all_of_them = gathered(str(torch.cuda.get_device_properties(0).uuid) if torch.cuda.is_available() else None)
    if None not in all_of_them and len(set(all_of_them)) < place.count:
        raise YoyakError(f"{place.count} processes share {len(set(all_of_them))} GPUs; start one on each")
    if len({one is None for one in all_of_them}) > 1:
        raise YoyakError("some processes see a GPU and some none; start all on machines that have one")


def _abort() -> None:
    import torch.distributed.distributed_c10d as c10d

    _abort_nccl()
    with suppress(Exception):
        c10d._abort_process_group()


def _abort_nccl() -> None:
    """End what waits on the GPU for ranks that may be gone: before gloo, which itself waits until they are."""
    import torch
    import torch.distributed.distributed_c10d as c10d

    with suppress(Exception):  # on the CPU there is none
        c10d._get_default_group()._get_backend(torch.device("cuda")).abort()


def _leave(in_order: bool) -> None:
    """End communication and its threads: one that still held a tensor while the interpreter ends would crash it.

    Where this run has failed, gloo waits for what is under way until the others are gone, and they may never be. On a
    GPU what is under way is a kernel, which would keep the process from ending.
    """
    ending = threading.Thread(target=_destroy_group, args=(in_order,), daemon=True)
    ending.start()
    ending.join(_LEAVE_IN_ORDER_SECONDS if in_order else _LEAVE_SECONDS)


def _destroy_group(in_order: bool) -> None:
    import torch.distributed as dist

    if not in_order:
        _abort_nccl()
    with suppress(Exception):
        if dist.is_initialized():
            dist.destroy_process_group()
    if in_order:
        gc.collect()  # models that FSDP2 has cut hold groups in cycles
