"""Layers that share their input against the slow, obvious ones, forward and backward."""

from typing import Any

import pytest
import torch
from torch import nn

from src.decoder.adapter_buffers import Refresh
from src.decoder.gradient_buffer import GradientBuffer, GradientPart, adapter_gradients
from src.kernels.adapted_linear import AdaptedLinear, Adapter, HeldWeight
from src.kernels.dropout import DropPlaces

F64 = torch.float64
ROWS = [6, 3, 5]
TOKENS, WIDTH, DROPOUT = 9, 7, 0.25


DROP = DropPlaces(torch.arange(0, TOKENS * WIDTH, 3), WIDTH)  # every third element


def adapters() -> list[Adapter | None]:
    """Return one of rank 2, none, and one of rank 4 with a scale of its own."""
    made: list[Adapter | None] = []
    for rank, rows, scaling in ((2, 6, 1.5), (0, 3, 0.0), (4, 5, 0.5)):
        if not rank:
            made.append(None)
            continue
        a, b = (nn.Parameter(torch.randn(shape, dtype=F64)) for shape in ((rank, WIDTH), (rows, rank)))
        made.append(Adapter(a, b, scaling))
    return made


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("dropping", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_forward_and_backward(later: bool, dropping: bool, with_bias: bool) -> None:
    torch.manual_seed(0)
    some = adapters()
    frozen, x = torch.randn(sum(ROWS), WIDTH, dtype=F64), torch.randn(TOKENS, WIDTH, dtype=F64)
    bias = torch.randn(sum(ROWS), dtype=F64) if with_bias else None
    leaf, outputs = x.clone().requires_grad_(), []
    dropped = leaf * DROP(torch.ones_like(x)) / (1 - DROPOUT) if dropping else leaf
    for adapter, weight in zip(some, frozen.split(ROWS), strict=True):
        outputs.append(leaf @ weight.t())
        if adapter:
            outputs[-1] = outputs[-1] + adapter.scaling * (dropped @ adapter.a.t()) @ adapter.b.t()
    expected = torch.cat(outputs, dim=1) + (0 if bias is None else bias)
    grad = torch.randn(TOKENS, sum(ROWS), dtype=F64)
    trained = [p for adapter in some if adapter for p in (adapter.a, adapter.b)]
    wanted_x, *wanted = torch.autograd.grad(expected, [leaf, *trained], grad)

    wide = torch.zeros(sum(ROWS), WIDTH + 6, dtype=F64)
    wide[:, :WIDTH] = frozen
    held = HeldWeight(wide, [wide[:6, WIDTH : WIDTH + 2], wide[9:, WIDTH + 2 :]])
    linear = AdaptedLinear(held, bias, ROWS, some, DROPOUT, torch.empty(0, WIDTH, dtype=F64))
    GradientBuffer(list(adapter_gradients([linear]))).claim()
    Refresh([linear])(dropping)
    wide_input = torch.cat([x, torch.empty(TOKENS, 6, dtype=F64)], dim=1)
    how = DROP if dropping else None
    linear.load()
    assert torch.allclose(linear.forward(wide_input, how), expected, rtol=1e-12)
    put_aside = list[Any]()
    linear.aside = (lambda *work: put_aside.append(work)) if later else None
    for _ in range(2):  # gradients are added
        grad_x, grad_reduced = linear.input_gradient(grad, how)
        linear.add_gradients(grad, grad_reduced, x, wide_input[:, WIDTH:], how)
        assert torch.allclose(grad_x, wanted_x, rtol=1e-10)
    assert len(put_aside) == 2 * later
    for add, *operands in put_aside:
        add(*operands)
    for parameter, gradient in zip(trained, wanted, strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, 2 * gradient, rtol=1e-10)


def test_trained_weights_and_biases() -> None:
    torch.manual_seed(0)
    weight, bias = (nn.Parameter(torch.randn(shape, dtype=F64)) for shape in ((4, 3), (4,)))
    x, grad = torch.randn(5, 3, dtype=F64), torch.randn(5, 4, dtype=F64)
    wanted = torch.autograd.grad(nn.functional.linear(x, weight, bias), [weight, bias], grad)
    held = HeldWeight(weight.data, [])
    linear = AdaptedLinear(held, bias.data, [1, 3], [None, None], 0.0, torch.empty(0, 3, dtype=F64))
    GradientBuffer([GradientPart(linear, "grad_weight", [weight]), GradientPart(linear, "grad_bias", [bias])]).claim()
    for _ in range(2):  # gradients are added
        linear.add_gradients(grad, grad[:, :0], x, x[:, :0], None)
    assert weight.grad is not None
    assert bias.grad is not None
    assert torch.allclose(weight.grad, 2 * wanted[0], rtol=1e-12)
    assert torch.allclose(bias.grad, 2 * wanted[1], rtol=1e-12)


def test_layers_without_adapters() -> None:
    weight, x, grad = torch.randn(4, 3), torch.randn(2, 3), torch.randn(2, 4)
    linear = AdaptedLinear(HeldWeight(weight, []), None, [4], [None], 0.0, torch.empty(0, 3))
    linear.load()
    torch.testing.assert_close(linear.forward(x, None), x @ weight.t())
    assert torch.equal(linear.input_gradient(grad, None)[0], grad @ weight)
