"""Each kernel compiles for each kind of card, within its shared memory for a block; no GPU is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SHARED_KB = {75: 64, 80: 163, 86: 99, 89: 99, 90: 227}  # CUDA C Programming Guide, technical specifications
SHAPES = ["smollm2_135m", "llama3_3b", "qwen3_4b", "gemma3_270m", "gemma4_12b", "llama3_8b"]
ATTENTION = ["cached_attention", "packed_flash_kernels"]
KERNELS = {
    "beam_order._reorder",
    "cached_attention._attend",
    "dropout._add_product",
    "dropout._drop",
    "nf4._dequantize",
    "norm_weight._partial_sums",
    "packed_flash_kernels.attend_backward_keys",
    "packed_flash_kernels.attend_backward_queries",
    "packed_flash_kernels.attend_forward",
    "response_loss._cross_entropy",
    "rms_norm._norm_backward",
    "rms_norm._norm_forward",
    "rotary._rotate_back",
    "rotary._rotate",
    "scaled_copies._copy_scaled",
    "swiglu._swiglu_backward",
    "swiglu._swiglu_forward",
    "unit_length._unit_backward",
    "unit_length._unit_forward",
}


def shared_bytes(
    cache: Path, capability: int, dtype: str, shapes: list[str], kernels: list[str]
) -> dict[str, dict[str, int]]:
    """Return, for each shape, the most shared memory that a launch of each kernel takes.

    They are compiled in a process of its own, in which Triton does not interpret: one for all shapes, since starting it
    takes longer than compiling one.
    """
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-m", "src.tests.kernels.cuda.compiled", str(capability), dtype, ",".join(shapes), *kernels],
        cwd=ROOT,
        env=environment | {"TRITON_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    most: dict[str, dict[str, int]] = {shape: {} for shape in shapes}
    for line in map(json.loads, done.stdout.splitlines()):
        kernel, size = line["kernel"], line["shared_bytes"]
        most[line["shape"]][kernel] = max(size, most[line["shape"]].get(kernel, 0))
    return most


@pytest.mark.slow
def test_attention_fits_an_rtx_3090(tmp_path: Path) -> None:
    """Heads of 128: the kernels that take most, on the kind of card that is met most."""
    found = shared_bytes(tmp_path, 86, "bfloat16", ["llama3_3b"], ATTENTION)["llama3_3b"]
    assert set(found) == {name for name in KERNELS if name.partition(".")[0] in ATTENTION}
    assert all(16 * 1024 < size <= SHARED_KB[86] * 1024 for size in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("capability", "dtype"),  # a card before Ampere computes in float16
    [(c, d) for c in SHARED_KB for d in ("float16", "bfloat16", "float32") if c >= 80 or d != "bfloat16"],
)
def test_all_kernels_fit_all_cards(tmp_path: Path, capability: int, dtype: str) -> None:
    too_wide = {"gemma3_270m"} if (capability, dtype) == (75, "float32") else set()  # see `kernel_obstacle`
    too_wide |= {"gemma4_12b"} if capability == 75 or dtype == "float32" else set()
    shapes = [shape for shape in SHAPES if shape not in too_wide]
    for shape, found in shared_bytes(tmp_path, capability, dtype, shapes, []).items():
        assert set(found) == KERNELS, shape
        assert all(size <= SHARED_KB[capability] * 1024 for size in found.values()), (shape, found)
