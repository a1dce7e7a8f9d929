"""Products with frozen weights in 8-bit floating point (e4m3), with a scale a row: of a token or of an output.

Tensor cores from Ada and Hopper on multiply such numbers at twice the rate of 16-bit ones. Values and gradients are
rounded to 4 significant bits right before a product; sums are float32 and results of the compute type. The weights are
rounded once and kept twice, since both products of a layer read rows of what is summed over: (out, in) forward and
(in, out) for the input's gradient. The adapters' B stand beside them, as in `adapted_linear`, and are rounded anew each
step; what an adapter's own gradients are made of stays in the compute type.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import ScalingType, scaled_mm

from ..bilingual import Text
from .adapted_linear import AdaptedLinear
from .dropout import Drop

FLOAT8 = torch.float8_e4m3fn
LARGEST = 448.0
SMALLEST = 1e-30  # a row of zeros has a scale too
_MULTIPLE = 16  # of columns and outputs, for the tensor cores
# Weights are scaled to 1/16 of the range, each row as if its maximum were at least 1/10 of the matrix's. That leaves
# room for B, which may be 1.6 times that maximum anywhere; a floating-point type loses no precision by it.
_HEADROOM, _FLOOR = 16.0, 0.1


@dataclass(frozen=True)
class Float8Rows:
    """A matrix in 8 bit: `values` (rows, columns) times `scales` (rows, 1), float32."""

    values: torch.Tensor
    scales: torch.Tensor


def padded_columns(columns: int) -> int:
    """Return the columns that a matrix of so many has in memory."""
    return -(-columns // _MULTIPLE) * _MULTIPLE


def quantized(x: torch.Tensor) -> Float8Rows:
    """Return `x` (rows, columns) in 8 bit, each row over its largest value, with zeros in the columns of padding."""
    values = torch.empty(len(x), padded_columns(x.shape[1]), dtype=FLOAT8, device=x.device)
    scales = torch.empty(len(x), 1, dtype=torch.float32, device=x.device)
    write_rows(x, values, scales, new_scales=True)
    return Float8Rows(values, scales)


def write_rows(x: torch.Tensor, values: torch.Tensor, scales: torch.Tensor, new_scales: bool) -> None:
    """Write `x` (rows, columns) over `scales` to the first columns of `values`, which may be a slice, and zeros behind.

    `scales` are (rows, 1), float32; new ones are made here, so that a row's largest value becomes the largest number.
    """
    if x.is_cuda:
        from .cuda import float8 as cuda

        return cuda.write_rows(x, values, scales, new_scales, LARGEST, SMALLEST)
    exact = x.float()
    if new_scales:
        scales.copy_(exact.abs().amax(1, keepdim=True).clamp(min=SMALLEST) / LARGEST)
    values[:, : x.shape[1]] = (exact / scales).clamp(-LARGEST, LARGEST).to(FLOAT8)
    values[:, x.shape[1] :] = 0.0
    return None


def product(left: Float8Rows, right: Float8Rows, dtype: torch.dtype) -> torch.Tensor:
    """Return `left @ right.T` (rows of left, rows of right) in `dtype`, which is bfloat16 on a GPU."""
    if not left.values.is_cuda:  # where torch 2.11 has no such product; it serves tests only
        return ((left.values.float() * left.scales) @ (right.values.float() * right.scales).t()).to(dtype)
    values, scales = (left.values, right.values.t()), (left.scales, right.scales.t())
    result: torch.Tensor = scaled_mm(
        *values, scales[0], ScalingType.RowWise, scales[1], ScalingType.RowWise, output_dtype=dtype, use_fast_accum=True
    )
    return result


class Float8Weight:
    """Frozen weights of layers that share their input, in 8 bit, for both products; a `FusedWeight`.

    Attributes:
        by_output: (out, in + ranks).
        by_input: (in + ranks, out).
        b: (out, ranks), the adapters' B as blocks among zeros, in the compute type.
    """

    def __init__(self, weights: Sequence[torch.Tensor], ranks: Sequence[int]) -> None:
        """Round the layers' weights, each (out, in); `ranks` are their adapters', 0 without one."""
        weight = torch.cat(list(weights)) if len(weights) > 1 else weights[0]
        outputs, self.width = weight.shape
        columns = padded_columns(self.width + sum(ranks))
        self.b = weight.new_zeros(outputs, sum(ranks))
        parts = zip(torch.split(self.b, [len(part) for part in weights]), ranks, strict=True)
        begins = [sum(ranks[:index]) for index in range(len(ranks))]
        self._blocks = [
            part[:, begin : begin + rank] for (part, rank), begin in zip(parts, begins, strict=True) if rank
        ]
        largest = weight.abs().amax(1, keepdim=True).float()
        scales = largest.clamp(min=max(_FLOOR * float(largest.max()), SMALLEST)) * (_HEADROOM / LARGEST)
        self.by_output = Float8Rows(_zeros(weight, outputs, columns), scales)
        self.by_input = Float8Rows(_zeros(weight, columns, outputs), scales.new_ones(columns, 1))
        write_rows(weight, self.by_output.values[:, : self.width], scales, new_scales=False)
        turned = self.by_input.values[: self.width], self.by_input.scales[: self.width]
        write_rows(weight.t().contiguous(), *turned, new_scales=True)

    def b_blocks(self) -> list[torch.Tensor]:
        """Return where each B is written; see `refresh`."""
        return self._blocks

    def refresh(self) -> None:
        """Take over what the blocks of B hold now."""
        ranks = slice(self.width, self.width + self.b.shape[1])
        if self._blocks:
            write_rows(self.b, self.by_output.values[:, ranks], self.by_output.scales, new_scales=False)
            turned = self.by_input.values[ranks], self.by_input.scales[ranks]
            write_rows(self.b.t().contiguous(), *turned, new_scales=True)

    def load(self) -> torch.Tensor:
        """Return nothing that is read: both forms stay as they are."""
        return self.b


class Float8Linear(AdaptedLinear):
    """Layers whose products with their frozen weights are in 8 bit."""

    source: Float8Weight

    def load(self) -> None:
        """Do nothing: the weights are there."""

    def forward(self, fused_input: torch.Tensor, drop: Drop | None) -> torch.Tensor:
        """As `AdaptedLinear.forward`."""
        if self.ranks:
            self.reduce(fused_input[:, : self.width], drop, fused_input[:, self.width :])
        result = product(quantized(fused_input), self.source.by_output, fused_input.dtype)
        return result if self.bias is None else result.add_(self.bias)

    def base_input_gradient(self, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `AdaptedLinear.base_input_gradient`."""
        fused = product(quantized(grad), self.source.by_input, grad.dtype)
        return fused[:, : self.width], fused[:, self.width : self.width + self.ranks]


def float8_obstacle(device: torch.device, dtype: torch.dtype) -> str | None:
    """Return why a model on `device` with the compute type `dtype` can't multiply in 8 bit, or None where it can."""
    if device.type != "cuda":
        return Text("the model is not on a GPU", "모델이 GPU에 없음")
    if dtype != torch.bfloat16:
        name = str(dtype).removeprefix("torch.")
        return Text(f"it computes in {name}, not bfloat16", f"bfloat16이 아니라 {name}로 계산함")
    major, minor = torch.cuda.get_device_capability(device)
    if (major, minor) < (8, 9):
        has = f"{major}.{minor}"
        english = f"the GPU is of compute capability {has}, below 8.9 (Ada, Hopper)"
        return Text(english, f"GPU의 compute capability가 8.9(Ada, Hopper)보다 낮은 {has}")
    return None


def _zeros(like: torch.Tensor, *shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.uint8, device=like.device).view(FLOAT8)
