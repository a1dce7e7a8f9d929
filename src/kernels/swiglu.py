"""SwiGLU (Shazeer 2020): silu(gate) * up, forward and backward."""

import torch
from torch import nn


def swiglu(gate_up: torch.Tensor, out: torch.Tensor) -> None:
    """Write `silu(gate) * up` to `out`.

    Args:
        gate_up: (rows, 2 x width), gate first.
        out: (rows, width), may be a slice of wider rows.
    """
    if gate_up.is_cuda:
        from .cuda import swiglu as cuda

        return cuda.swiglu(gate_up, out)
    gate, up = gate_up.chunk(2, dim=-1)
    torch.mul(nn.functional.silu(gate), up, out=out)


def swiglu_backward(grad: torch.Tensor, gate_up: torch.Tensor, activation: torch.Tensor | None) -> None:
    """Replace `gate_up` by its gradient for `grad` (rows, width), that of `swiglu`'s output.

    The output itself is written to `activation` (rows, width), where given, so that it need not be kept.
    """
    if gate_up.is_cuda:
        from .cuda import swiglu as cuda

        return cuda.swiglu_backward(grad, gate_up, activation)
    gate, up = gate_up.chunk(2, dim=-1)
    activated = nn.functional.silu(gate)
    if activation is not None:
        torch.mul(activated, up, out=activation)
    grad_gate = torch.ops.aten.silu_backward(grad * up, gate)
    torch.mul(grad, activated, out=up)
    gate.copy_(grad_gate)
