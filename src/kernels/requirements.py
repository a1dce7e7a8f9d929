"""What the kernels need of a GPU, its software and a model."""

from importlib.util import find_spec

import torch

HEAD_WIDTHS = (16, 32, 64, 128)  # blocks are powers of two; wider heads outgrow the shared memory of small cards


def kernel_obstacle(device: torch.device, head_width: int) -> str | None:
    """Return why the GPU's kernels can't run, in words, or None where they can; on the CPU nothing is in the way.

    Args:
        device: of the model.
        head_width: numbers in an attention head.
    """
    if device.type != "cuda":
        return None
    if find_spec("triton") is None:
        return "Triton is not installed (pip install triton)"
    if head_width not in HEAD_WIDTHS:
        return f"heads of {head_width}, not {', '.join(map(str, HEAD_WIDTHS))}"
    major, minor = torch.cuda.get_device_capability(device)
    return None if (major, minor) >= (7, 5) else f"the GPU is of compute capability {major}.{minor}, below 7.5"
