"""How much memory a device has left."""

import resource

import torch

from ..planner.constants import MEMORY


def free_bytes(device: torch.device) -> int:
    """Return the bytes that are free on a device, those that PyTorch holds without using them among them."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    import psutil

    return int(psutil.virtual_memory().available)


def resident_bytes() -> int:
    """Return the bytes of the host's memory that this process has."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def room_bytes(resident_before: int) -> int:
    """Return the bytes that this process's work may take at most: what is free, and what it has taken itself.

    On a GPU that is all that other processes don't hold; 0 where not even CUDA's own part fits. On a CPU, where a limit
    of the process counts too, it is what `resident_bytes` has grown by since it was `resident_before`.
    """
    if torch.cuda.is_available():
        try:
            return int(torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() + MEMORY.context)
        except RuntimeError:
            return 0
    import psutil

    free, limit = psutil.virtual_memory().available, resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        free = min(free, max(limit - psutil.Process().memory_info().vms, 0))
    return int(free + max(resident_bytes() - resident_before, 0))
