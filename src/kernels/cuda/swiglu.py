"""SwiGLU in Triton: elementwise, a pass each way."""

import torch
import triton
import triton.language as tl


@triton.jit
def _forward(gate_up, out, width, out_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    gate = tl.load(gate_up + row * 2 * width + columns, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * width + width + columns, mask=inside, other=0.0).to(tl.float32)
    # silu is rounded before the product, as transformers does.
    activated = (gate * tl.sigmoid(gate)).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + row * out_stride + columns, (activated * up).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _backward(
    grad, gate_up, activation, width, grad_stride, activation_stride, BLOCK: tl.constexpr, AGAIN: tl.constexpr
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    gates = gate_up + row * 2 * width + columns
    kind = gate_up.dtype.element_ty
    gate = tl.load(gates, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gates + width, mask=inside, other=0.0).to(tl.float32)
    upstream = tl.load(grad + row * grad_stride + columns, mask=inside, other=0.0).to(tl.float32)
    sigmoid = tl.sigmoid(gate)
    silu = gate * sigmoid
    if AGAIN:
        again = (silu.to(kind).to(tl.float32) * up).to(kind)
        tl.store(activation + row * activation_stride + columns, again, mask=inside)
    tl.store(gates, (upstream * up * sigmoid * (1 + gate * (1 - sigmoid))).to(kind), mask=inside)
    tl.store(gates + width, (upstream * silu).to(kind), mask=inside)


_BLOCK = 1024


def swiglu(gate_up: torch.Tensor, out: torch.Tensor) -> None:
    """See `kernels.swiglu.swiglu`."""
    rows, width = out.shape
    _forward[(rows, triton.cdiv(width, _BLOCK))](gate_up, out, width, out.stride(0), BLOCK=_BLOCK, num_warps=4)


def swiglu_backward(grad: torch.Tensor, gate_up: torch.Tensor, activation: torch.Tensor | None) -> None:
    """See `kernels.swiglu.swiglu_backward`."""
    rows, width = grad.shape
    stride = 0 if activation is None else activation.stride(0)
    grid = (rows, triton.cdiv(width, _BLOCK))
    again = activation is not None
    _backward[grid](
        grad, gate_up, activation, width, grad.stride(0), stride, BLOCK=_BLOCK, AGAIN=again, num_warps=4
    )  # fmt: skip
