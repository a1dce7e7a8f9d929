"""SwiGLU and GEGLU in Triton: elementwise, a pass each way."""

import torch
import triton
import triton.language as tl

from ...descriptions import Activation
from ..dropout import Drop
from .dropout import LOW_RANK_SIZES, CountedDrop, low_rank_tile, padded_rank


@triton.jit
def _sigmoid(gate, GELU: tl.constexpr):
    """Return what the gate is multiplied by: silu is x sigmoid(x), gelu with tanh x sigmoid(2 sqrt(2/pi) (...))."""
    inner = gate
    if GELU:
        inner = 1.5957691216057308 * (gate + 0.044715 * gate * gate * gate)
    return tl.sigmoid(inner)


@triton.jit
def _slope(gate, sigmoid, GELU: tl.constexpr):
    """Return the derivative of the activation, over `sigmoid`."""
    change = gate * (1 - sigmoid)
    if GELU:
        change = change * (1.5957691216057308 * (1 + 0.134145 * gate * gate))
    return 1 + change


@triton.jit
def _swiglu_forward(gate_up, out, width, out_stride, BLOCK: tl.constexpr, GELU: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    gate = tl.load(gate_up + row * 2 * width + columns, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * width + width + columns, mask=inside, other=0.0).to(tl.float32)
    # The activation is rounded before the product, as transformers does.
    activated = (gate * _sigmoid(gate, GELU)).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + row * out_stride + columns, (activated * up).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _swiglu_backward(
    grad, gate_up, activation, reduced, a, seed, examples, positions, input_index, threshold,
    rows, width, grad_stride, activation_stride, reduced_stride, rank,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, RANK: tl.constexpr, AGAIN: tl.constexpr, DROPS: tl.constexpr,
    GELU: tl.constexpr,
):  # fmt: skip
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None].to(tl.int64)
    columns = (tl.program_id(1) * BLOCK + tl.arange(0, BLOCK))[None, :]
    inside = (row < rows) & (columns < width)
    gates = gate_up + row * 2 * width + columns
    kind = gate_up.dtype.element_ty
    gate = tl.load(gates, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gates + width, mask=inside, other=0.0).to(tl.float32)
    upstream = tl.load(grad + row * grad_stride + columns, mask=inside, other=0.0).to(tl.float32)
    if RANK > 0:
        upstream += low_rank_tile(
            reduced, a, row, columns, rows, width, rank, reduced_stride,
            seed, examples, positions, input_index, threshold, tl.program_id(1) * (BLOCK // 4), RANK, BLOCK, DROPS,
        )  # fmt: skip
    sigmoid = _sigmoid(gate, GELU)
    activated = gate * sigmoid
    if AGAIN:
        again = (activated.to(kind).to(tl.float32) * up).to(kind)
        tl.store(activation + row * activation_stride + columns, again, mask=inside)
    tl.store(gates, (upstream * up * sigmoid * _slope(gate, sigmoid, GELU)).to(kind), mask=inside)
    tl.store(gates + width, (upstream * activated).to(kind), mask=inside)


_BLOCK = 1024


def swiglu(gate_up: torch.Tensor, out: torch.Tensor, activation: Activation = "silu") -> None:
    """See `kernels.swiglu.swiglu`."""
    rows, width = out.shape
    _swiglu_forward[(rows, triton.cdiv(width, _BLOCK))](
        gate_up, out, width, out.stride(0), BLOCK=_BLOCK, GELU=activation == "gelu_tanh", num_warps=4
    )


def swiglu_backward(
    grad: torch.Tensor,
    gate_up: torch.Tensor,
    activation: torch.Tensor | None,
    low_rank: tuple[torch.Tensor, torch.Tensor] | None = None,
    drop: Drop | None = None,
    kind: Activation = "silu",
) -> None:
    """See `kernels.swiglu.swiglu_backward`."""
    assert drop is None or isinstance(drop, CountedDrop)
    rows, width = grad.shape
    stride = 0 if activation is None else activation.stride(0)
    sizes = {"ROWS": 1, "BLOCK": _BLOCK, "RANK": 0, "num_warps": 4}
    reduced, a, rank = None, None, 0
    if low_rank is not None:
        reduced, a = low_rank
        rank = len(a)
        sizes = {**LOW_RANK_SIZES, "RANK": padded_rank(rank)}
    _swiglu_backward[(triton.cdiv(rows, sizes["ROWS"]), triton.cdiv(width, sizes["BLOCK"]))](
        grad, gate_up, activation, reduced, a, *((None,) * 3 + (0, 0) if drop is None else drop.arguments),
        rows, width, grad.stride(0), stride, 0 if reduced is None else reduced.stride(0), rank,
        AGAIN=activation is not None, DROPS=drop is not None, GELU=kind == "gelu_tanh", **sizes,
    )  # fmt: skip
