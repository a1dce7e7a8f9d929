"""Many small tensors rounded, scaled and copied in one launch: each step's adapters, to where products read them."""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl

_COLUMNS = 5  # of the table, a row a tensor: addresses of source and place, size, width of a row, stride of a place's


@triton.jit
def _copy_scaled(table, factors, source_like, place_like, COLUMNS: tl.constexpr, BLOCK: tl.constexpr):
    number = tl.program_id(0)
    kind = place_like.dtype.element_ty
    row = table + number * COLUMNS
    size = tl.load(row + 2)
    if tl.program_id(1) * BLOCK < size:
        source = tl.load(row).to(tl.pointer_type(source_like.dtype.element_ty))
        place = tl.load(row + 1).to(tl.pointer_type(kind))
        width, stride = tl.load(row + 3).to(tl.int32), tl.load(row + 4)
        element = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        there = element < size
        # Rounded before it is scaled, as by a copy and a product after it.
        value = tl.load(source + element, mask=there, other=0.0).to(kind).to(tl.float32) * tl.load(factors + number)
        tl.store(place + element // width * stride + element % width, value.to(kind), mask=there)


_BLOCK, _WARPS = 2048, 4


class ScaledCopies:
    """Copies tensors to places of another type, each times a factor, as `copy_` and `mul_` do, bit for bit."""

    def __init__(self, sources: Sequence[torch.Tensor], places: Sequence[torch.Tensor]) -> None:
        """Take tensors, and for each a place (rows, columns) of its shape in a narrower or equal type, up to 32 bits.

        The sources are contiguous, and so is a place's row. Other memory may be given to a source later (`.data`).
        """
        self._sources, self._places = list(sources), list(places)
        self._addresses: list[int] = []
        self._table = self._factors_there = torch.empty(0)
        self._factors: list[float] = []
        self._blocks = triton.cdiv(max(source.numel() for source in sources), _BLOCK)

    @staticmethod
    def suit(sources: Sequence[torch.Tensor], places: Sequence[torch.Tensor]) -> bool:
        """Tell whether tensors and places are of one type each and lie as they have to."""
        rows = all(
            place.stride(1) == 1 and place.shape == source.shape for source, place in zip(sources, places, strict=True)
        )
        kinds = {one.dtype for one in sources}, {one.dtype for one in places}
        narrow = all(len(kind) == 1 and max(kind, key=str).itemsize <= torch.float32.itemsize for kind in kinds)
        return rows and narrow and all(source.is_contiguous() for source in sources)

    def __call__(self, factors: list[float]) -> None:
        """Copy, each tensor times its factor."""
        addresses = [source.data_ptr() for source in self._sources]
        device = self._places[0].device
        if addresses != self._addresses:
            rows = [
                [address, place.data_ptr(), place.numel(), place.shape[1], place.stride(0)]
                for address, place in zip(addresses, self._places, strict=True)
            ]
            self._table, self._addresses = torch.tensor(rows, dtype=torch.int64).to(device), addresses
        if factors != self._factors:
            self._factors_there, self._factors = torch.tensor(factors, dtype=torch.float32).to(device), factors
        _copy_scaled[(len(addresses), self._blocks)](
            self._table, self._factors_there, self._sources[0], self._places[0], COLUMNS=_COLUMNS, BLOCK=_BLOCK,
            num_warps=_WARPS,
        )  # fmt: skip
