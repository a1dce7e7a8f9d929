"""Whether others use the cores that a training, or a measurement, on the CPU wants."""

import logging
import os
import socket
from collections.abc import Collection

from ...ranks.group import agreed, gathered, is_first_rank

_IDLE_LOAD = 0.7  # cores that others may keep busy unmentioned
_LOOK_SECONDS = 0.2


def warn_busy_cores(logger: logging.Logger) -> None:
    """Say that training on a CPU whose cores others use is slow: threads of OpenMP that wait for each other spin.

    Of several ranks all have to call it: they rest while the first one looks, so that none counts as another's work.
    """
    import torch

    if torch.cuda.is_available() or not hasattr(os, "sched_getaffinity"):
        return
    cores, host = os.sched_getaffinity(0), socket.gethostname()
    of_all = gathered((host, cores, torch.get_num_threads()))
    beside = [threads for its_host, its, threads in of_all if its_host == host and its & cores]
    load = agreed(lambda: busy_cores(cores))
    note = busy_cores_note(load, sum(beside), len(cores), len(beside))
    if note and is_first_rank():
        logger.warning(note)


def busy_measurement_note() -> str | None:
    """Return what to say before this processor is measured: that others use its cores; None where they hardly do."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = os.sched_getaffinity(0)
    load = busy_cores(cores)
    if load <= _IDLE_LOAD:
        return None
    return f"{load:.1f} of {len(cores)} cores are busy: at rest this machine is faster; measure it again then"


def busy_cores(cores: Collection[int]) -> float:
    """Return how many of these cores compute right now, while this thread sleeps.

    The load average would count what has just ended, such as the installation, and other cores of the host.
    """
    import psutil

    shares = psutil.cpu_percent(_LOOK_SECONDS, percpu=True)
    return sum(share for core, share in enumerate(shares) if core in cores) / 100


def busy_cores_note(load: float, threads: int, cores: int, processes: int = 1) -> str | None:
    """Return what to say of `load` cores that others use beside `threads` of ours on `cores`; None where all fit.

    The threads are those of all our processes on these cores.
    """
    if load + threads <= cores + _IDLE_LOAD:
        return None
    free = max(1, round((cores - load) / processes))
    advice = f"; OMP_NUM_THREADS={free} is faster here" if free * processes < threads else ""
    ours = f"{threads} thread{'s' if threads > 1 else ''}"
    return f"{load:.1f} of {cores} cores are busy and this run has {ours}: training will be slow{advice}"
