"""SwiGLU (Shazeer 2020): silu(gate) * up, forward and backward."""

import torch
from torch import nn

from .dropout import Drop


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
    torch.ops.aten.silu.out(gate, out=out).mul_(up)


def swiglu_backward(
    grad: torch.Tensor,
    gate_up: torch.Tensor,
    activation: torch.Tensor | None,
    low_rank: tuple[torch.Tensor, torch.Tensor] | None = None,
    drop: Drop | None = None,
) -> None:
    """Replace `gate_up` by its gradient for `grad`, that of `swiglu`'s output.

    Args:
        grad: (rows, width), may be overwritten.
        gate_up: (rows, 2 x width), gate first.
        activation: (rows, width), where given, gets the output again, so that it need not be kept.
        low_rank: a part of the gradient as two factors, (rows, rank) and (rank, width), to be added to `grad`.
        drop: what leaves out elements of that part.
    """
    if gate_up.is_cuda:
        from .cuda import swiglu as cuda

        return cuda.swiglu_backward(grad, gate_up, activation, low_rank, drop)
    if low_rank is not None and drop is None:
        grad = grad.addmm_(*low_rank)
    elif low_rank is not None and drop is not None:
        drop.add_product(grad, *low_rank)
    gate, up = gate_up.chunk(2, dim=-1)
    activated = nn.functional.silu(gate)
    if activation is not None:
        torch.mul(activated, up, out=activation)
    upstream = grad * up
    torch.mul(grad, activated, out=up)
    torch.ops.aten.silu_backward.grad_input(upstream, gate, grad_input=gate)
