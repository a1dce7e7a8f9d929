"""What is drawn at the bounds of shares, by hand."""

import math
import random

import pytest
import torch

from src.decoder.picking import draw, uniform_numbers


@pytest.mark.parametrize(
    ("uniform", "token"), [(0.0, 1), (0.4999, 1), (0.5, 3), (0.75, 3), (1 - 2**-53, 3)], ids=lambda value: str(value)
)
def test_a_token_is_the_first_whose_share_reaches_past_the_number(uniform: float, token: int) -> None:
    """Of five tokens the second and the fourth have a half each; the others are impossible, at the ends too."""
    scores = torch.tensor([[-math.inf, 0.0, -math.inf, 0.0, -math.inf]])
    assert draw(scores, torch.tensor([uniform], dtype=torch.float64)).tolist() == [token]


@pytest.mark.parametrize(("uniform", "token"), [(0.0, 3), (0.25, 299), (0.5, 300), (0.75, 1000), (0.999, 1000)])
def test_shares_are_summed_over_blocks_of_256(uniform: float, token: int) -> None:
    """Four tokens of a quarter each, in the blocks from 0, 256 (two of them) and 768."""
    scores = torch.full((1, 1001), -math.inf)
    scores[0, [3, 299, 300, 1000]] = 2.0
    assert draw(scores, torch.tensor([uniform], dtype=torch.float64)).tolist() == [token]


def test_each_row_has_its_own_shares() -> None:
    scores = torch.log(torch.tensor([[0.25, 0.5, 0.25], [0.1, 0.1, 0.8]]))
    assert draw(scores, torch.tensor([0.3, 0.15], dtype=torch.float64)).tolist() == [1, 1]
    assert draw(scores, torch.tensor([0.8, 0.3], dtype=torch.float64)).tolist() == [2, 2]


def testuniform_numbers_are_those_of_python() -> None:
    source = random.Random(12345678901234567890)
    assert uniform_numbers(12345678901234567890, 5).tolist() == [source.random() for _ in range(5)]
    assert uniform_numbers(None, 2).tolist() == [-1.0, -1.0]
