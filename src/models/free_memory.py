"""How much memory a device has left."""

import torch


def free_bytes(device: torch.device) -> int:
    """Return the bytes that are free on a device, those that PyTorch holds without using them among them."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    import psutil

    return int(psutil.virtual_memory().available)
