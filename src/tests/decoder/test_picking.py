"""What is drawn at the bounds of shares and which n-grams are banned, by hand."""

import math
import random
from typing import Any

import pytest
import torch

from src.config.schema import GenerationSettings
from src.decoder.picking import Picker, draw, uniform_numbers, without_repeats


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


@pytest.mark.parametrize(
    ("size", "banned"),
    [
        (1, [{1, 2, 3, 5}, {4}, set(), {0, 4}, {7}]),
        (2, [{3, 5}, set(), set(), {0, 4}, {7}]),  # after 2 come 3 and 5, after 0 come 0 and 4
        (3, [{3}, set(), set(), {4}, {7}]),
        (4, [set(), set(), set(), set(), {7}]),
        (7, [set(), set(), set(), set(), {7}]),
        (8, [set()] * 5),
    ],
)
def test_a_token_that_completes_an_n_gram_again_is_banned(size: int, banned: list[set[int]]) -> None:
    """What lies behind a row's own tokens, of a summary before it, counts for nothing."""
    new = torch.tensor(
        [
            [1, 2, 3, 2, 5, 1, 2, 9],
            [4, 4, 4, 4, 4, 4, 4, 4],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 4, 0, 0, 0, 0, 0],
            [7, 7, 7, 7, 7, 7, 7, 7],
        ]
    )
    scores = torch.arange(50.0).view(5, 10)
    found = without_repeats(scores, new, torch.tensor([7, 1, 0, 5, 7]), size)
    assert [set(torch.where(row == -math.inf)[0].tolist()) for row in found] == banned
    assert torch.equal(found[found > -math.inf], scores[found > -math.inf])
    assert torch.equal(scores, torch.arange(50.0).view(5, 10))


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("way", [{}, {"do_sample": True, "top_k": 3, "top_p": 0.9}, {"mbr_samples": 2}], ids=str)
def test_a_choice_of_all_settings_needs_no_word_from_the_host(size: int, way: dict[str, Any]) -> None:
    """Tensors without numbers refuse to tell any, or a shape that depends on some: so does the capture of a graph."""
    options = way | {"do_sample": bool(way), "repetition_penalty": 1.2, "min_new_tokens": 2}
    settings, device = GenerationSettings(no_repeat_ngram_size=size, **options), torch.device("meta")
    picker = Picker(settings, [1, 2], rows=4, most=6, vocabulary=300, device=device)
    rows, new = torch.empty(4, dtype=torch.int64, device=device), torch.empty(4, 7, dtype=torch.int64, device=device)
    assert picker.pick(torch.empty(4, 300, device=device), rows, rows, new).shape == (4,)


@pytest.mark.parametrize("way", [{}, {"do_sample": True}, {"mbr_samples": 2, "do_sample": True}], ids=str)
def test_a_row_that_has_said_every_token_and_its_end_stays_ended(way: dict[str, Any]) -> None:
    """It is computed beside longer ones."""
    settings, device = GenerationSettings(no_repeat_ngram_size=1, **way), torch.device("cpu")
    picker = Picker(settings, [3, 4], rows=2, most=9, vocabulary=5, device=device)
    rows, new = torch.arange(2), torch.tensor([[0, 1, 2, 4, 3, 0, 0, 0, 0, 0], [0] * 10])
    if way:
        picker.begin(rows, [[1], [1]], [7, None if "mbr_samples" in way else 8])
    tokens = picker.pick(torch.zeros(2, 5), rows, torch.tensor([5, 1]), new)
    assert tokens[0] == 3
    assert tokens[1] != 0
