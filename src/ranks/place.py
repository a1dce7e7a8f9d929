"""Which of several processes this one is, by what its launcher has put into the environment."""

import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import YoyakError

OWN_LAUNCHER = "yoyak --gpus"
RUN_ID = "TORCHELASTIC_RUN_ID"  # set by torchrun and `accelerate launch`, never by hand
OWN_RUN_ID = "yoyak-"  # with the launcher's process id behind it
_LOOPBACK = "127.0.0.1"
_PORTS = 20000, 20000  # the first that is chosen, and how many there are


@dataclass(frozen=True)
class RankPlace:
    """One of several processes.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
        local_rank: its number among those of its machine.
        launcher: who started them.
        host: where the store is that all of them read and write.
        port: of the store.
        holds_store: whether this process has it.
        launcher_holds_store: whether its launcher has it, which was there before.
    """

    rank: int
    count: int
    local_rank: int
    launcher: str
    host: str
    port: int
    holds_store: bool = False
    launcher_holds_store: bool = False

    @property
    def launched_here(self) -> bool:
        """Tell whether `--gpus` or `--processes` has started it, which says itself why a rank has ended."""
        return self.launcher == OWN_LAUNCHER


def place_of(environment: Mapping[str, str] = os.environ) -> RankPlace | None:
    """Return where torchrun, srun or Open MPI's mpirun has put this process; None where it is alone.

    `RANK` and `WORLD_SIZE` without a launcher's own variables are left over from one, and count for nothing.

    Raises:
        YoyakError: the launcher leaves open where the processes can meet.
    """
    if RUN_ID in environment:
        return _of_torchrun(environment)
    if (count := _number(environment, "OMPI_COMM_WORLD_SIZE")) > 1 and "OMPI_COMM_WORLD_RANK" in environment:
        return _of_open_mpi(environment, count)
    if (count := _number(environment, "SLURM_STEP_NUM_TASKS")) > 1 and "SLURM_PROCID" in environment:
        return _of_srun(environment, count)
    return None


def _of_torchrun(environment: Mapping[str, str]) -> RankPlace | None:
    count = _number(environment, "WORLD_SIZE")
    if count < 2 or "RANK" not in environment or "MASTER_PORT" not in environment:
        return None
    rank = _number(environment, "RANK")
    own = environment[RUN_ID].startswith(OWN_RUN_ID)
    at_launcher = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return RankPlace(
        rank,
        count,
        _number(environment, "LOCAL_RANK"),
        OWN_LAUNCHER if own else "torchrun",
        environment.get("MASTER_ADDR", _LOOPBACK),
        _number(environment, "MASTER_PORT"),
        rank == 0 and not at_launcher,
        at_launcher,
    )


def _of_open_mpi(environment: Mapping[str, str], count: int) -> RankPlace:
    rank, here = _number(environment, "OMPI_COMM_WORLD_RANK"), _number(environment, "OMPI_COMM_WORLD_LOCAL_SIZE")
    host = environment.get("MASTER_ADDR", _LOOPBACK if here == count else "")
    if not host:
        raise YoyakError(
            f"this is process {rank} of {count} (mpirun), on several machines: name the one of process 0 with "
            "mpirun -x MASTER_ADDR=HOST"
        )
    job = environment.get("PMIX_NAMESPACE", environment.get("OMPI_MCA_ess_base_jobid", ""))
    port = _number(environment, "MASTER_PORT") or _port_of(zlib.crc32(job.encode()))
    return RankPlace(rank, count, _number(environment, "OMPI_COMM_WORLD_LOCAL_RANK"), "mpirun", host, port, rank == 0)


def _of_srun(environment: Mapping[str, str], count: int) -> RankPlace:
    rank = _number(environment, "SLURM_PROCID")
    nodes = environment.get("SLURM_STEP_NODELIST", environment.get("SLURM_JOB_NODELIST", _LOOPBACK))
    job = 100 * _number(environment, "SLURM_JOB_ID") + _number(environment, "SLURM_STEP_ID")
    host = environment.get("MASTER_ADDR", first_node(nodes))
    port = _number(environment, "MASTER_PORT") or _port_of(job)
    return RankPlace(rank, count, _number(environment, "SLURM_LOCALID"), "srun", host, port, rank == 0)


def first_node(nodes: str) -> str:
    """Return the first machine of SLURM's list: `node03` of `node[03-05,9],other`."""
    first = re.match(r"([^,\[]+)(?:\[(\w+)[^\]]*\]([^,]*))?", nodes)
    return "".join(part or "" for part in first.groups()) if first else nodes


def _port_of(job: int) -> int:
    return _PORTS[0] + job % _PORTS[1]


def _number(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    return int(value) if value.isdecimal() else 0
