"""What the kernels need of a GPU, its software and a model."""

from importlib.util import find_spec

import torch

from ..bilingual import Text

HEAD_WIDTHS = (16, 32, 64, 128, 256)  # blocks are powers of two; wider heads outgrow the shared memory of small cards


def kernel_obstacle(device: torch.device, head_width: int, number_bytes: int = 2) -> Text | None:
    """Return why the GPU's kernels can't run, in words, or None where they can; on the CPU nothing is in the way.

    An attention head has `head_width` numbers of so many bytes each.
    """
    if device.type != "cuda":
        return None
    if find_spec("triton") is None:
        return Text("Triton is not installed (pip install triton)", "Triton이 설치되지 않음(pip install triton)")
    if head_width not in HEAD_WIDTHS:
        known = ", ".join(map(str, HEAD_WIDTHS))
        return Text(f"heads of {head_width}, not {known}", f"헤드 너비가 {known}이 아니라 {head_width}")
    major, minor = torch.cuda.get_device_capability(device)
    if (major, minor) < (8, 0) and head_width * number_bytes > 512:  # 64 KB of shared memory
        english = f"heads of {head_width} in float32 don't fit a GPU of compute capability {major}.{minor}"
        return Text(
            english, f"너비 {head_width}인 float32 헤드가 compute capability {major}.{minor}인 GPU에 들어가지 않음"
        )
    if (major, minor) >= (7, 5):
        return None
    has = f"{major}.{minor}"
    english = f"the GPU is of compute capability {has}, below 7.5"
    return Text(english, f"GPU의 compute capability가 7.5보다 낮은 {has}")
