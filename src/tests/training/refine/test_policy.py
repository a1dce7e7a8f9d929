"""Advantages by hand."""

import pytest

from src.training.refine.policy import advantages


def test_by_hand() -> None:
    """Mean 20, squared distances 100, 0, 100 over two: a standard deviation of 10, and 1 more."""
    assert advantages([10.0, 20.0, 30.0]) == pytest.approx([-10 / 11, 0.0, 10 / 11])


def test_equal_rewards_teach_nothing() -> None:
    assert advantages([7.5] * 4) == [0.0] * 4


def test_small_differences_count_little() -> None:
    assert advantages([0.0, 0.02])[1] == pytest.approx(0.01 / (0.0002**0.5 + 1))
