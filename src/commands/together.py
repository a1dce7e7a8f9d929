"""A command's work by the one process that there is, or shared by those that it or a launcher has started."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..config.effects import without_processes
from ..errors import YoyakError
from ..ranks.group import gathered
from ..ranks.joining import one_of_several
from ..ranks.place import RankPlace, place_of
from .several import Several, start_ranks
from .speech import say_aside


@contextmanager
def as_asked(several: Several, arguments: Sequence[str], wait_minutes: float) -> Iterator[None]:
    """Work as the process that a launcher has started, or as the one there is; else start the processes asked for.

    Args:
        several: that are asked for.
        arguments: of each process's command.
        wait_minutes: most that a process may keep the others waiting.

    Raises:
        YoyakError: there are fewer GPUs, or a launcher has left open who works with whom.
        SystemExit: stopped by Ctrl-C (130) or SIGTERM (143), or another process has failed.
    """
    place = place_of()
    if place is None and several:
        start_ranks(several, arguments)
    for sentence in without_processes(wait_minutes) if place is None else []:
        say_aside(sentence)
    with alone() if place is None else _together(place, arguments, wait_minutes):
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Work in this one process.

    Raises:
        YoyakError: a launcher has started several.
        SystemExit: stopped by Ctrl-C (130) or SIGTERM (143).
    """
    from ..training.guards.one_process import refuse_several_processes

    refuse_several_processes()
    with stops_as_exits():
        yield


@contextmanager
def stops_as_exits() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into their exit codes."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise SystemExit(getattr(stop, "exit_code", 130)) from None


@contextmanager
def _together(place: RankPlace, arguments: Sequence[str], wait_minutes: float) -> Iterator[None]:
    """Work as one of several processes."""
    from .console import quiet_libraries

    quiet_libraries()  # before they are loaded, and CUDA starts, which joining does
    from ..training.guards.interrupts import stopped_by_sigterm
    from ..training.guards.one_process import leave_out_launchers

    show_traceback = "--debug-errors" in sys.argv
    with stops_as_exits(), stopped_by_sigterm(), one_of_several(place, wait_minutes, show_traceback):
        leave_out_launchers()
        _refuse_other_commands(place, arguments)
        yield


def _refuse_other_commands(place: RankPlace, arguments: Sequence[str]) -> None:
    """Raise YoyakError where a launcher's processes are not to do the same: one's work would be taken for all."""
    of_all = gathered(list(arguments))
    other = next((rank for rank, its in enumerate(of_all) if its != of_all[0]), None)
    if other is not None:
        raise YoyakError(
            f"{place.launcher} has started processes whose commands differ (rank {other}'s from rank 0's), and "
            "together they do one command's work; start all alike, or each outside of the launcher"
        )
