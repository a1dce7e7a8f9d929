"""Advantages, learning rates and averages by hand."""

import pytest
import torch
from torch import nn

from src.config.refine import RefineSettings
from src.training.refine.average import WeightAverage
from src.training.refine.policy import advantages, learning_rate


def test_by_hand() -> None:
    """Mean 20, squared distances 100, 0, 100 over two: a standard deviation of 10, and 1 more."""
    assert advantages([10.0, 20.0, 30.0]) == pytest.approx([-10 / 11, 0.0, 10 / 11])


def test_equal_rewards_teach_nothing() -> None:
    assert advantages([7.5] * 4) == [0.0] * 4


def test_small_differences_count_little() -> None:
    assert advantages([0.0, 0.02])[1] == pytest.approx(0.01 / (0.0002**0.5 + 1))


def test_the_rate_rises_and_falls() -> None:
    """Two steps of warm-up of ten: a third and two thirds, whole, then an eighth less each step."""
    settings = RefineSettings(steps=10, warmup_steps=2, learning_rate=24.0)
    assert [learning_rate(settings, step) for step in (0, 1, 2, 3, 9)] == pytest.approx([8, 16, 24, 21, 3])
    level = settings.model_copy(update={"lr_scheduler_type": "constant"})
    assert [learning_rate(level, step) for step in (0, 2, 9)] == pytest.approx([8, 24, 24])


def test_a_warm_up_that_is_as_long_as_the_steps_ends_at_the_last_one() -> None:
    settings = RefineSettings(steps=3, warmup_steps=5, learning_rate=24.0)
    for kind in ("linear", "constant"):
        short = settings.model_copy(update={"lr_scheduler_type": kind})
        assert [learning_rate(short, step) for step in range(3)] == pytest.approx([8, 16, 24])
    assert learning_rate(settings.model_copy(update={"steps": 1}), 0) == 24


def test_the_average_takes_the_place_of_the_weights() -> None:
    """From 8, then 4 and 2 at a share of a half: 6, then 4; the weights themselves come back, in their own type."""
    parameter = nn.Parameter(torch.tensor([8.0], dtype=torch.bfloat16))
    average = WeightAverage({"w": parameter}, 0.5)
    for value in (4.0, 2.0):
        parameter.data.fill_(value)
        average.add()
    assert average.values["w"].tolist() == [4.0]
    with average.in_place():
        assert parameter.tolist() == [4.0]
    assert (parameter.tolist(), parameter.dtype, average.values["w"].tolist()) == ([2.0], torch.bfloat16, [4.0])
    assert WeightAverage({"w": parameter}, 0.0).values["w"].tolist() == [2.0]
