"""What the kernels need of a GPU, its software and a model."""

import os
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import torch

from ..bilingual import Text
from ..descriptions import WIDEST_FLASH_KEY

HEAD_WIDTHS = (
    16,
    32,
    64,
    128,
    256,
    512,
)  # blocks are powers of two; wider heads outgrow the shared memory of small cards


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
    if head_width * number_bytes > (512 if (major, minor) < (8, 0) else 1024):  # 64 KB of shared memory, or 99
        kind = "float32" if number_bytes == 4 else "16 bit"
        english = f"heads of {head_width} in {kind} don't fit a GPU of compute capability {major}.{minor}"
        korean = kind.replace(" bit", "비트")
        return Text(
            english, f"너비 {head_width}인 {korean} 헤드가 compute capability {major}.{minor}인 GPU에 들어가지 않음"
        )
    if (major, minor) >= (7, 5):
        return None
    has = f"{major}.{minor}"
    english = f"the GPU is of compute capability {has}, below 7.5"
    return Text(english, f"GPU의 compute capability가 7.5보다 낮은 {has}")


_FLASH_VERSION = (0, 6)  # the first whose convolution gives back where a sequence ends, with gradients
_WRONG_ON_HOPPER = (3, 4), (3, 7, 1)  # Triton from, and the first right again: fla-core's `ops/common/chunk_o.py`


def flash_delta_obstacle(device: torch.device, key_width: int, trains: bool = True) -> Text | None:
    """Return why Flash Linear Attention doesn't compute a gated delta rule with keys so wide, or None where it does.

    Its kernels are chosen by their speed, so the same bits each time (`training.deterministic`) are not promised.
    `trains` asks for the backward too, which it refuses where a Triton compiles it wrongly.
    """
    if device.type != "cuda":
        return Text("it is for GPUs", "GPU용임")
    if os.environ.get("FLASH_ATTENTION_DETERMINISTIC") == "1" or torch.are_deterministic_algorithms_enabled():
        return Text("training.deterministic is set", "training.deterministic가 켜져 있음")
    if key_width > WIDEST_FLASH_KEY:
        return Text(
            f"keys of {key_width}, above {WIDEST_FLASH_KEY}", f"키 너비 {key_width}가 {WIDEST_FLASH_KEY}보다 큼"
        )
    obstacle = _flash_obstacle()
    return obstacle or (_backward_obstacle(device) if trains else None)


@cache
def _flash_obstacle() -> Text | None:
    try:
        found = version("fla-core")
    except PackageNotFoundError:
        return Text("it is not installed: pip install 'yoyak[fla]'", "설치되지 않음: pip install 'yoyak[fla]'")
    numbers = re.match(r"(\d+)\.(\d+)", found)  # of 0.6rc1 too
    if numbers is None or tuple(map(int, numbers.groups())) < _FLASH_VERSION:
        needed = ".".join(map(str, _FLASH_VERSION))
        return Text(f"it is {found}, older than {needed}", f"{needed}보다 오래된 {found}임")
    try:
        import fla.modules.causal_conv1d
        import fla.ops.gated_delta_rule  # noqa: F401
    except Exception as error:  # of its dependencies, of Triton, of a driver: whatever they raise
        why = (str(error).splitlines() or [type(error).__name__])[0]
        return Text(f"it can't be loaded: {why}", f"불러올 수 없음: {why}")
    return None


@cache
def _backward_obstacle(device: torch.device) -> Text | None:
    import triton

    numbers = tuple(map(int, re.findall(r"\d+", triton.__version__)[:3]))
    first_wrong, first_right = _WRONG_ON_HOPPER
    hopper = torch.cuda.get_device_capability(device)[0] == 9
    if not hopper or not first_wrong <= numbers < first_right or _tilelang_computes():
        return None
    has, needed = triton.__version__, ".".join(map(str, first_right))
    return Text(
        f"Triton {has} compiles their backward wrongly on a Hopper GPU; {needed} doesn't, which comes with torch 2.13",
        f"Triton {has}이 Hopper GPU에서 역방향을 잘못 컴파일함. {needed}부터는 맞으며 torch 2.13에 들어 있음",
    )


def _tilelang_computes() -> bool:
    """Return whether the library has this part of its backward computed by TileLang, which needs an nvcc."""
    if find_spec("tilelang") is None:
        return False
    try:
        from fla.ops.common.backends.tilelang import CommonTileLangBackend
    except ImportError:  # the library's own, which a later one may call otherwise
        return False
    return bool(CommonTileLangBackend.can_use())
