"""Dropout by counters (Philox, Salmon et al. 2011): an element's fate follows from its place, so nothing is kept."""

from dataclasses import dataclass, replace

import torch
import triton
import triton.language as tl


@triton.jit
def drawn(seed, group, position, example, input_index):
    """Return a random number (uint32) of each column, `group` being numbers of four columns, the last axis."""
    zero = group * 0 + position * 0
    a, b, c, d = tl.philox(tl.load(seed), zero + group, zero + position, zero + example, zero + input_index)
    numbers = tl.interleave(tl.interleave(a, c), tl.interleave(b, d))
    return numbers.to(tl.uint32, bitcast=True)


@triton.jit
def low_rank_tile(
    left, right, row, columns, rows, width, rank, left_stride,
    seed, examples, positions, input_index, threshold, first_group,
    RANK: tl.constexpr, BLOCK: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    """Return a tile of `left @ right` in float32 at `row` (rows, 1) and `columns` (1, BLOCK), dropped elements zero."""
    number = tl.arange(0, RANK)
    factor = tl.load(
        left + row * left_stride + number[None, :], mask=(row < rows) & (number[None, :] < rank), other=0.0
    )
    other = tl.load(
        right + number[:, None] * width + columns, mask=(number[:, None] < rank) & (columns < width), other=0.0
    )
    product = tl.dot(factor, other, input_precision="ieee")
    if DROPS:
        group = first_group + tl.arange(0, BLOCK // 4)[None, :]
        position = tl.load(positions + row, mask=row < rows, other=0).to(tl.int32)
        example = tl.load(examples + row, mask=row < rows, other=0).to(tl.int32)
        product = tl.where(drawn(seed, group, position, example, input_index) < threshold, 0.0, product)
    return product


@triton.jit
def _drop(x, out, seed, examples, positions, input_index, threshold, x_stride, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    group = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)  # of four columns
    position, example = tl.load(positions + row).to(tl.int32), tl.load(examples + row).to(tl.int32)
    numbers = drawn(seed, group, position, example, input_index)
    column = tl.program_id(1) * BLOCK * 4 + tl.arange(0, BLOCK * 4)
    values = tl.load(x + row * x_stride + column, mask=column < width, other=0.0)
    tl.store(out + row * width + column, tl.where(numbers < threshold, 0.0, values), mask=column < width)


@triton.jit
def _add_product(
    onto, left, right, seed, examples, positions, input_index, threshold, rows, width, rank, onto_stride, left_stride,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, RANK: tl.constexpr,
):  # fmt: skip
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None].to(tl.int64)
    columns = (tl.program_id(1) * BLOCK + tl.arange(0, BLOCK))[None, :]
    product = low_rank_tile(
        left, right, row, columns, rows, width, rank, left_stride,
        seed, examples, positions, input_index, threshold, tl.program_id(1) * (BLOCK // 4), RANK, BLOCK, True,
    )  # fmt: skip
    places, inside = onto + row * onto_stride + columns, (row < rows) & (columns < width)
    value = tl.load(places, mask=inside, other=0.0).to(tl.float32) + product
    tl.store(places, value.to(onto.dtype.element_ty), mask=inside)


_BLOCK = 256
LOW_RANK_SIZES = {"ROWS": 16, "BLOCK": 128, "num_warps": 4}


def padded_rank(rank: int) -> int:
    """Return the ranks of a tile, which products on tensor cores want."""
    return max(16, int(triton.next_power_of_2(rank)))


@dataclass(frozen=True)
class CountedDrop:
    """A `kernels.dropout.Drop`.

    Attributes:
        probability: share of elements that is dropped.
        seed: one int64 on the device, of run and step, so that a captured graph draws anew at each replay.
        examples: (tokens,) number of each token's example, which does not depend on packing.
        positions: (tokens,) each token's position in its example.
        input_index: among the adapted inputs of all layers.
    """

    probability: float
    seed: torch.Tensor
    examples: torch.Tensor
    positions: torch.Tensor
    input_index: int = 0

    @property
    def threshold(self) -> int:
        """Return the number below which a drawn one drops its element."""
        return min(round(self.probability * 2**32), 2**32 - 1)

    @property
    def arguments(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int, int]:
        """Return what the kernels take of it."""
        return self.seed, self.examples, self.positions, self.input_index, self.threshold

    def of_rows(self, rows: torch.Tensor) -> "CountedDrop":
        """See `Drop`."""
        return replace(self, examples=self.examples[rows], positions=self.positions[rows])

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See `Drop`; x may be a slice of wider rows."""
        tokens, width = x.shape
        out = torch.empty(tokens, width, dtype=x.dtype, device=x.device)
        grid = (tokens, triton.cdiv(width, 4 * _BLOCK))
        _drop[grid](x, out, *self.arguments, x.stride(0), width, BLOCK=_BLOCK, num_warps=4)
        return out

    def add_product(self, onto: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        """See `Drop`; `onto` and `left` may be slices of wider rows."""
        rows, width = onto.shape
        rank = len(right)
        grid = (triton.cdiv(rows, LOW_RANK_SIZES["ROWS"]), triton.cdiv(width, LOW_RANK_SIZES["BLOCK"]))
        _add_product[grid](
            onto, left, right, *self.arguments, rows, width, rank, onto.stride(0), left.stride(0),
            RANK=padded_rank(rank), **LOW_RANK_SIZES,
        )  # fmt: skip
