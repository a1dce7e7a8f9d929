"""A process trains on one device, as its config says: what launchers left in the environment changes nothing.

accelerate, transformers and torch.distributed read a process's rank, the precision, compilation, sharding and the
device from environment variables, which outlive the launcher or notebook that set them. Left there, some hang a run in
a rendezvous and others change its numbers. They are taken out of the process's environment, unless they say that it is
one of several, each of which would train the whole run.
"""

import logging
import os
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from ...errors import YoyakError
from ...ranks.group import rank_count

if TYPE_CHECKING:
    from transformers import TrainingArguments

_LAUNCHERS = {
    "torchrun, accelerate launch": ("WORLD_SIZE", "RANK"),
    "mpirun of Open MPI": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    "mpirun of MPICH or Intel MPI": ("PMI_SIZE", "PMI_RANK"),
    "mpirun of MVAPICH": ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
    "srun": ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),  # SLURM_NTASKS is a whole batch job's, also without srun
}
"""Who sets them: number of processes, and this one's rank."""
_PREFIXES = ("ACCELERATE_", "FSDP_", "MEGATRON_LM_", "PARALLELISM_CONFIG_", "TORCHELASTIC_")
_NAMES = {
    "FORK_LAUNCHED", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "MPI_LOCALNRANKS",
    "MPI_LOCALRANKID", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_RANK",
    "MV2_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "RANK", "SM_FRAMEWORK_PARAMS", "SM_HP_MP_PARAMETERS", "WORLD_SIZE",
    "XLA_DOWNCAST_BF16", "XLA_USE_BF16",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",  # set in NVIDIA's images: products of float32 with 10 bits, all over torch
}  # fmt: skip
_HARMLESS = {"ACCELERATE_LOG_LEVEL", "ACCELERATE_ENABLE_RICH", "ACCELERATE_DISABLE_RICH"}


def refuse_several_processes(environment: Mapping[str, str] = os.environ) -> None:
    """Raise YoyakError where a launcher has started this process as one of several."""
    for launcher, (size, rank) in _LAUNCHERS.items():
        processes, own = environment.get(size, ""), environment.get(rank, "")
        if processes.isdecimal() and int(processes) > 1 and own.isdecimal():
            raise YoyakError(
                f"this is process {own} of {processes} ({launcher}), and each would do all of the work: start it by "
                f"itself; where {size} and {rank} are only left over, `unset {size} {rank}`"
            )


def leave_out_launchers(environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Remove the variables that would change a run from this process's environment; return their names, in order."""
    names = (name for name in environment if name in _NAMES or name.startswith(_PREFIXES))
    found = sorted(name for name in names if name not in _HARMLESS)
    for name in found:
        del environment[name]
    return found


def say_left_out(names: list[str], logger: logging.Logger) -> None:
    """Name the variables that were left out, where there were any."""
    if names:
        logger.warning("Left out of the environment, since a run is one process as configured: %s", ", ".join(names))


def run_alone(logger: logging.Logger) -> None:
    """Leave out what launchers have left, and say so.

    Raises:
        YoyakError: this process is one of several.
    """
    refuse_several_processes()
    say_left_out(leave_out_launchers(), logger)


def on_one_gpu(arguments: "TrainingArguments") -> "TrainingArguments":
    """Return a Trainer's arguments for one of the visible GPUs: of several, each would get a batch of its own."""
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def raise_unless_alone(trainer: Any) -> None:
    """Raise YoyakError where a Trainer is set up otherwise than its arguments ask, whatever else had a say in it."""
    import torch

    arguments, state = trainer.args, trainer.accelerator.state
    precision = "fp16" if arguments.fp16 else "bf16" if arguments.bf16 else "no"
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    found = {
        "processes": (torch.distributed.get_world_size() if several else state.num_processes, rank_count()),
        "distribution": (state.distributed_type.value, "NO"),
        "GPUs in one process": (max(arguments.n_gpu, 1), 1),
        "device": (arguments.device.type, "cpu" if arguments.use_cpu else "cuda"),
        "mixed precision": (trainer.accelerator.mixed_precision, precision),
        "compilation": (state.dynamo_plugin.backend.value, "NO"),
    }
    for what, (have, wanted) in found.items():
        if have != wanted:
            raise YoyakError(f"training was set up with {what} = {have} where {wanted} was asked; start yoyak anew")
