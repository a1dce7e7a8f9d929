"""Dropped places: their rate, their independence of packing, and what they are drawn from."""

import pytest
import torch

from src.kernels.dropout import DroppedPlaces

WIDTHS = [16, 24]


def mask(places: DroppedPlaces, layer: int, input_index: int, tokens: int) -> torch.Tensor:
    return places.drops[2 * layer + input_index](torch.ones(tokens, WIDTHS[input_index]))


def test_an_example_loses_the_same_elements_wherever_it_stands() -> None:
    alone = {number: DroppedPlaces(0.3, (1, 2), [number], [0, 10], WIDTHS, 3) for number in (0, 1, 5)}
    packed = DroppedPlaces(0.3, (1, 2), [5, 0, 1], [0, 10, 20, 30], WIDTHS, 3)
    for layer in range(3):
        for input_index in range(2):
            whole = mask(packed, layer, input_index, 30)
            for number, begin in ((5, 0), (0, 10), (1, 20)):
                own = mask(alone[number], layer, input_index, 10)
                assert torch.equal(whole[begin : begin + 10], own)
                assert 0 < own.sum() < own.numel()


def test_layers_sites_examples_steps_and_seeds_differ() -> None:
    def masks(key: tuple[int, int], number: int) -> list[torch.Tensor]:
        places = DroppedPlaces(0.5, key, [number], [0, 20], [16, 16], 2)
        return [drop(torch.ones(20, 16)) for drop in places.drops]

    drawn = [one for key in ((1, 2), (1, 3), (2, 2)) for number in (0, 1) for one in masks(key, number)]
    assert not any(torch.equal(a, b) for index, a in enumerate(drawn) for b in drawn[:index])
    assert all(torch.equal(a, b) for a, b in zip(masks((1, 2), 0), masks((1, 2), 0), strict=True))


@pytest.mark.parametrize("probability", [0.01, 0.05, 0.5, 0.9])
def test_the_rate(probability: float) -> None:
    """200,000 draws: five standard deviations."""
    places = DroppedPlaces(probability, (0, 0), [0], [0, 5000], WIDTHS, 1)
    kept = torch.cat([mask(places, 0, input_index, 5000).flatten() for input_index in (0, 1)])
    deviation = (probability * (1 - probability) / kept.numel()) ** 0.5
    assert 1 - kept.mean().item() == pytest.approx(probability, abs=5 * deviation)


def test_every_element_is_dropped_as_often_as_every_other() -> None:
    """Over 2,000 steps the input kept, over 1 - p, is the input on average, at the first and the last element too."""
    summed = torch.zeros(3, 16)
    for step in range(2000):
        summed += mask(DroppedPlaces(0.25, (9, step), [4], [0, 3], WIDTHS, 1), 0, 0, 3)
    expected = summed / 2000 / 0.75
    assert (expected - 1).abs().max() < 5 * (0.25 / 0.75 / 2000) ** 0.5


def test_the_input_is_not_touched_and_may_be_a_slice() -> None:
    places = DroppedPlaces(0.5, (1, 1), [0], [0, 4], WIDTHS, 1)
    wide = torch.ones(4, 20)
    dropped = places.drops[0](wide[:, :16])
    assert torch.equal(dropped, mask(places, 0, 0, 4))
    assert wide.all()


@pytest.mark.parametrize("rows", [[], [0], [2, 3, 9], list(range(10))])
def test_some_rows_lose_what_they_lose_among_all(rows: list[int]) -> None:
    places, chosen = DroppedPlaces(0.3, (1, 2), [7], [0, 10], WIDTHS, 1), torch.tensor(rows, dtype=torch.int64)
    some = places.drops[1].of_rows(chosen)
    assert torch.equal(some(torch.ones(len(rows), 24)), mask(places, 0, 1, 10)[chosen])
    left, right, onto = torch.rand(len(rows), 3), torch.rand(3, 24), torch.ones(len(rows), 24)
    some.add_product(onto, left, right)
    assert torch.allclose(onto, 1 + left @ right * mask(places, 0, 1, 10)[chosen])
