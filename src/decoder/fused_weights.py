"""Where the decoder's weights come from: held in memory, frozen or trained, or dequantized at each use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bitsandbytes as bnb
import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from ..kernels.adapted_linear import AdaptedLinear, Adapter, FusedWeight, HeldWeight
from ..kernels.float8 import Float8Linear, Float8Weight
from ..models.dequantized import CachedLinear4bit

_ARENA_BYTES = 64 << 20
_ALIGNED = 64


@dataclass(frozen=True)
class _QuantizedWeight:
    """4-bit weights, dequantized at each use into a buffer that all layers share."""

    bases: Sequence[Any]
    buffer: torch.Tensor
    bs: Sequence[torch.Tensor | None]
    columns: Sequence[slice]

    def b_blocks(self) -> list[torch.Tensor]:
        """Return the adapters' own copies of B, which `load` puts into the buffer."""
        return [b for b in self.bs if b is not None]

    def refresh(self) -> None:
        """Do nothing: `load` reads the copies anew each time."""

    def load(self) -> torch.Tensor:
        """Fill the buffer; in the columns of B, the rows of other layers stay zero."""
        row = 0
        for base, b, columns in zip(self.bases, self.bs, self.columns, strict=True):
            rows = self.buffer[row : row + base.out_features]
            row += base.out_features
            _dequantize(base, rows[:, : base.in_features], b, rows[:, columns])
        return self.buffer


def _dequantize(base: Any, values: torch.Tensor, b: torch.Tensor | None, places: torch.Tensor) -> None:
    """Write a base layer's weight (out, in) to `values`, and its adapter's B (out, rank) to `places`."""
    if values.is_cuda:
        from ..kernels.cuda.nf4 import dequantize_nf4

        dequantize_nf4(base.weight.data, base.weight.quant_state, values, b, places)
        return
    values.copy_(_values(base))
    if b is not None:
        places.copy_(b)


class Arena:
    """Allocates CPU weights in 64 MB blocks so that every page can be huge. A lone weight's tail can't."""

    def __init__(self) -> None:
        self._free = torch.empty(0)

    def zeros(self, rows: int, columns: int, dtype: torch.dtype) -> torch.Tensor:
        """Return (rows, columns), at a multiple of 64 elements."""
        size = -(-rows * columns // _ALIGNED) * _ALIGNED
        if self._free.dtype != dtype or len(self._free) < size:
            self._free = torch.empty(max(size, _ARENA_BYTES // dtype.itemsize), dtype=dtype)
        taken, self._free = self._free[:size], self._free[size:]
        return taken[: rows * columns].view(rows, columns).zero_()


class LinearFactory:
    """Makes the decoder's linear layers. On a GPU, 4-bit layers of one shape share one buffer.

    With `float8`, frozen weights are rounded to 8 bit, in copies of their own. With `dequantizes`, 4-bit weights are
    dequantized at each use on a CPU, too, where they are held otherwise.
    """

    def __init__(self, float8: bool = False, dequantizes: bool = False) -> None:
        self.float8, self.dequantizes = float8, dequantizes
        self._arena = Arena()
        self._buffers: dict[tuple[tuple[int, ...], tuple[int, ...], int], torch.Tensor] = {}

    def adapted_linear(self, layers: Sequence[Any]) -> AdaptedLinear:
        """Return layers that share their input, with or without adapters, as one.

        Weights that are held move into the fused one, of which they stay views, so that memory doesn't double.
        """
        bases = [layer.get_base_layer() if isinstance(layer, LoraLayer) else layer for layer in layers]
        adapters = [_adapter(layer) for layer in layers]
        ranks = [len(adapter.a) if adapter else 0 for adapter in adapters]
        rows, width = [base.out_features for base in bases], bases[0].in_features
        dtype, device = _compute_type(bases[0]), bases[0].weight.device
        columns = [slice(width + sum(ranks[:i]), width + sum(ranks[: i + 1])) for i in range(len(ranks))]
        source: FusedWeight
        if self.float8:
            source = Float8Weight([_values(base).to(dtype) for base in bases], ranks)
        elif not isinstance(bases[0], bnb.nn.Linear4bit) or (device.type == "cpu" and not self.dequantizes):
            shape = sum(rows), width + sum(ranks)
            on_cpu = device.type == "cpu"
            fused = self._arena.zeros(*shape, dtype) if on_cpu else torch.zeros(shape, dtype=dtype, device=device)
            _hold(bases, rows, fused)
            parts = zip(torch.split(fused, rows), columns, ranks, strict=True)
            source = HeldWeight(fused, [part[:, places] for part, places, rank in parts if rank])
        else:
            key = tuple(rows), tuple(ranks), width
            if key not in self._buffers:
                self._buffers[key] = torch.zeros(sum(rows), width + sum(ranks), dtype=dtype, device=device)
            sizes = zip(rows, ranks, strict=True)
            bs = [torch.zeros(out, rank, dtype=dtype, device=device) if rank else None for out, rank in sizes]
            source = _QuantizedWeight(bases, self._buffers[key], bs, columns)
        biases = [base.bias for base in bases]
        bias = None if any(b is None for b in biases) else _hold_side_by_side(biases, dtype)
        like = torch.empty(0, width, dtype=dtype, device=device)
        kind = Float8Linear if self.float8 else AdaptedLinear
        return kind(source, bias, rows, adapters, max(_dropout(layer) for layer in layers), like)


def _values(base: Any) -> torch.Tensor:
    """Return a base layer's weight (out, in)."""
    if isinstance(base, CachedLinear4bit):
        return base.dequantized
    if isinstance(base, bnb.nn.Linear4bit):
        values: torch.Tensor = bnb.functional.dequantize_4bit(base.weight.data, base.weight.quant_state)
        return values
    return base.weight.data  # type: ignore[no-any-return]


def _hold(bases: Sequence[Any], rows: Sequence[int], fused: torch.Tensor) -> None:
    """Move base weights into the first columns of `fused`, of which they stay views."""
    for base, part in zip(bases, torch.split(fused[:, : bases[0].in_features], list(rows)), strict=True):
        part.copy_(_values(base))
        if isinstance(base, CachedLinear4bit):
            base.dequantized = part
        elif not isinstance(base, bnb.nn.Linear4bit):
            base.weight.data = part


def _hold_side_by_side(biases: Sequence[nn.Parameter], dtype: torch.dtype) -> torch.Tensor:
    held = torch.cat([bias.data for bias in biases]).to(dtype)
    for bias, part in zip(biases, torch.split(held, [len(bias) for bias in biases]), strict=True):
        if bias.dtype == dtype:
            bias.data = part
    return held


def _compute_type(base: Any) -> torch.dtype:
    if isinstance(base, bnb.nn.Linear4bit):
        dtype: torch.dtype = base.compute_dtype
        return dtype
    return base.weight.dtype  # type: ignore[no-any-return]


def _adapter(layer: Any) -> Adapter | None:
    if not isinstance(layer, LoraLayer):
        return None
    name = layer.active_adapters[0]
    return Adapter(layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name])


def _dropout(layer: Any) -> float:
    if not isinstance(layer, LoraLayer):
        return 0.0
    return max((d.p for d in layer.lora_dropout.values() if isinstance(d, nn.Dropout)), default=0.0)
