"""SwiGLU and GEGLU (Shazeer 2020): silu(gate) * up or gelu(gate) * up, forward and backward."""

import torch
from torch import nn

from ..descriptions import Activation
from .dropout import Drop


def swiglu(gate_up: torch.Tensor, out: torch.Tensor, activation: Activation = "silu") -> None:
    """Write `activation(gate) * up` of gate_up (rows, 2 x width) to `out` (rows, width), or a slice of wider rows.

    The activation is silu, or gelu by its approximation with tanh (Hendrycks and Gimpel 2016).
    """
    if gate_up.is_cuda:
        from .cuda import swiglu as cuda

        return cuda.swiglu(gate_up, out, activation)
    gate, up = gate_up.chunk(2, dim=-1)
    if activation == "silu":
        torch.ops.aten.silu.out(gate, out=out).mul_(up)
    else:
        torch.ops.aten.gelu.out(gate, approximate="tanh", out=out).mul_(up)


def swiglu_backward(
    grad: torch.Tensor,
    gate_up: torch.Tensor,
    activation: torch.Tensor | None,
    low_rank: tuple[torch.Tensor, torch.Tensor] | None = None,
    drop: Drop | None = None,
    kind: Activation = "silu",
) -> None:
    """Replace `gate_up` by its gradient for `grad`, that of `swiglu`'s output.

    Args:
        grad: (rows, width), may be overwritten.
        gate_up: (rows, 2 x width), gate first.
        activation: (rows, width), where given, gets the output again, so that it need not be kept.
        low_rank: a part of the gradient as two factors, (rows, rank) and (rank, width), to be added to `grad`.
        drop: what leaves out elements of that part.
        kind: of activation, as in the forward.
    """
    if gate_up.is_cuda:
        from .cuda import swiglu as cuda

        return cuda.swiglu_backward(grad, gate_up, activation, low_rank, drop, kind)
    if low_rank is not None and drop is None:
        grad = grad.addmm_(*low_rank)
    elif low_rank is not None and drop is not None:
        drop.add_product(grad, *low_rank)
    gate, up = gate_up.chunk(2, dim=-1)
    activated = nn.functional.silu(gate) if kind == "silu" else nn.functional.gelu(gate, approximate="tanh")
    if activation is not None:
        torch.mul(activated, up, out=activation)
    upstream = grad * up
    torch.mul(grad, activated, out=up)
    if kind == "silu":
        torch.ops.aten.silu_backward.grad_input(upstream, gate, grad_input=gate)
    else:
        torch.ops.aten.gelu_backward.grad_input(upstream, gate, approximate="tanh", grad_input=gate)
