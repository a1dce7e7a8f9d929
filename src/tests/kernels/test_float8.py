"""Rounding to 8-bit floating point, and layers that multiply in it."""

import pytest
import torch

from src.kernels.adapted_linear import AdaptedLinear, Adapter, HeldWeight
from src.kernels.float8 import LARGEST, Float8Linear, Float8Weight, float8_obstacle, padded_columns, product, quantized

ROWS, WIDTH, RANKS = [16, 32], 40, [4, 0]


def exact(rows: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    return rows.float() * scales


def relative(got: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((got.double() - wanted.double()).norm() / wanted.double().norm())


def test_each_row_is_rounded_over_its_largest_value() -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 37) * torch.logspace(-9, 9, 7)[:, None]
    x[3] = 0
    rows = quantized(x)
    assert rows.values.shape == (7, padded_columns(37)) == (7, 48)
    assert not rows.values[:, 37:].float().any()
    got = exact(rows.values, rows.scales)[:, :37]
    largest = x.abs().amax(1, keepdim=True)
    assert torch.equal(rows.values.float().abs().amax(1)[x.any(1)], torch.full((6,), LARGEST))
    # Four significant bits, and below 2^-6 / 448 of the largest value steps of that size.
    assert ((got - x).abs() <= x.abs() / 16 + largest / LARGEST / 512).all()


def test_a_product_is_that_of_the_rounded_rows() -> None:
    torch.manual_seed(0)
    left, right = quantized(torch.randn(5, 48)), quantized(torch.randn(32, 48))
    wanted = exact(left.values, left.scales) @ exact(right.values, right.scales).t()
    assert relative(product(left, right, torch.float32), wanted) < 1e-6


def linears(b_size: float) -> tuple[AdaptedLinear, AdaptedLinear]:
    """Return two layers with one adapter as one, in 8 bit and in float32."""
    torch.manual_seed(0)
    weights = [torch.randn(rows, WIDTH) * 0.1 for rows in ROWS]
    weights[0][3] = 0  # an output that only its adapter feeds
    a, b = torch.randn(RANKS[0], WIDTH), torch.randn(ROWS[0], RANKS[0]) * b_size
    adapters = [Adapter(torch.nn.Parameter(a), torch.nn.Parameter(b), 2.0), None]
    like, wide = torch.empty(0, WIDTH), torch.zeros(sum(ROWS), WIDTH + RANKS[0])
    wide[:, :WIDTH] = torch.cat(weights)
    wide[: ROWS[0], WIDTH:] = b
    source = Float8Weight(weights, RANKS)
    made = (
        Float8Linear(source, None, ROWS, adapters, 0.0, like),
        AdaptedLinear(HeldWeight(wide, [wide[: ROWS[0], WIDTH:]]), None, ROWS, adapters, 0.0, like),
    )
    for linear in made:
        linear.a.copy_(2.0 * a)
        linear.source.b_blocks()[0].copy_(b)
        linear.source.refresh()
        linear.load()
    return made


@pytest.mark.parametrize("b_size", [1e-3, 0.02, 0.15])
def test_layers_are_within_four_bits_of_float32(b_size: float) -> None:
    """B far below the weights, and as large."""
    ours, theirs = linears(b_size)
    x, grad = torch.randn(50, WIDTH + RANKS[0]), torch.randn(50, sum(ROWS))
    got, wanted = ours.forward(x.clone(), None), theirs.forward(x.clone(), None)
    assert got.shape == wanted.shape
    assert relative(got, wanted) < 0.05
    assert relative(got[:, 3], wanted[:, 3]) < 0.06
    for mine, other in zip(ours.input_gradient(grad, None), theirs.input_gradient(grad, None), strict=True):
        assert mine.shape == other.shape
        assert relative(mine, other) < 0.05


def test_new_values_of_b_are_taken_over() -> None:
    ours, _ = linears(0.1)
    x = torch.randn(9, WIDTH + RANKS[0])
    before = ours.forward(x.clone(), None)
    ours.source.b_blocks()[0].zero_()
    assert torch.equal(ours.forward(x.clone(), None), before)
    ours.source.refresh()
    without = ours.forward(x.clone(), None)
    assert not without[:, 3].any()
    assert torch.equal(without[:, ROWS[0] :], before[:, ROWS[0] :])


def test_what_can_not_multiply_so() -> None:
    assert float8_obstacle(torch.device("cpu"), torch.bfloat16) == "the model is not on a GPU"
    assert float8_obstacle(torch.device("cuda"), torch.float16) == "it computes in float16, not bfloat16"
