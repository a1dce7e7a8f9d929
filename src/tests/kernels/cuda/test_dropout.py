"""Dropout by counters: literal numbers of Philox, its rate, and that an element's fate depends on nothing else."""

import pytest
import torch

from src.data.batches.packing import FILLER, SHARED


def drop(x: torch.Tensor, probability: float, seed: int, examples: list[int], input_index: int = 0) -> torch.Tensor:
    return drop_of(x.device, probability, seed, examples, input_index)(x)


def drop_of(device: torch.device, probability: float, seed: int, examples: list[int], input_index: int = 0):
    from src.kernels.cuda.dropout import CountedDrop

    positions = [sum(other == number for other in examples[:at]) for at, number in enumerate(examples)]
    on = [torch.tensor(values, device=device) for values in ([seed], examples, positions)]
    return CountedDrop(probability, on[0], on[1], on[2], input_index)


@pytest.mark.parametrize(
    ("probability", "kept"),
    [(0.39, [1, 1, 1, 1]), (0.5, [0, 1, 1, 1]), (0.7, [0, 1, 1, 0]), (0.8, [0, 1, 0, 0]), (0.9, [0, 0, 0, 0])],
)
def test_the_numbers_are_philox(device: torch.device, probability: float, kept: list[int]) -> None:
    """Random123's known answer for counter 0 and key 0 is 6627e8d5 e169c58d bc57ac4c 9b00dbd8."""
    assert drop(torch.ones(1, 4, device=device), probability, 0, [0]).tolist() == [kept]


def test_an_example_loses_the_same_elements_wherever_it_stands(device: torch.device) -> None:
    packed = drop(torch.ones(6, 40, device=device), 0.4, 7, [5, 5, 2, 2, 2, 9])
    assert torch.equal(packed[2:5], drop(torch.ones(3, 40, device=device), 0.4, 7, [2, 2, 2]))
    assert torch.equal(packed[:2], drop(torch.ones(2, 40, device=device), 0.4, 7, [5, 5]))


def test_tokens_examples_sites_and_seeds_differ(device: torch.device) -> None:
    ones = torch.ones(2, 40, device=device)
    drawn = [*drop(ones, 0.5, 7, [5, 5]), *drop(ones, 0.5, 7, [6, 6]), *drop(ones, 0.5, 7, [5, 5], input_index=1)]
    drawn += [*drop(ones, 0.5, 8, [5, 5])]
    assert not any(torch.equal(a, b) for index, a in enumerate(drawn) for b in drawn[:index])


def test_the_rate_and_what_is_kept(device: torch.device) -> None:
    """40,000 draws over two blocks of columns: five standard deviations. What is kept is as it was."""
    wide = torch.randn(20, 2003, device=device)
    dropped = drop(wide[:, 1:2001], 0.05, 1, [0] * 20)
    share = (dropped == 0).float().mean().item()
    assert share == pytest.approx(0.05, abs=5 * (0.05 * 0.95 / 40000) ** 0.5)
    assert torch.equal(dropped[dropped != 0], wide[:, 1:2001][dropped != 0])


@pytest.mark.parametrize("rank", [3, 16, 20])
def test_a_product_is_added_without_the_dropped_elements(device: torch.device, rank: int, exact: float) -> None:
    torch.manual_seed(0)
    examples = [4] * 10 + [9] * 9
    how = drop_of(device, 0.4, 7, examples, input_index=5)
    wide, onto = torch.randn(19, 150 + rank), torch.randn(19, 160)
    right = torch.randn(rank, 150)
    mask = how(torch.ones(19, 150, device=device)).cpu()
    wanted = onto[:, :150] + mask * (wide[:, 150:] @ right)
    got = onto.to(device, copy=True)
    how.add_product(got[:, :150], wide.to(device)[:, 150:], right.to(device))
    assert 0.3 < (mask == 0).float().mean() < 0.5
    assert torch.allclose(got[:, :150].cpu(), wanted, rtol=exact, atol=10 * exact)
    assert torch.equal(got[:, 150:].cpu(), onto[:, 150:])


def test_tokens_that_examples_share_draw_like_an_example(device: torch.device) -> None:
    """Their number, beyond the filler's, is as good as any."""
    shared = drop(torch.ones(5, 4000, device=device), 0.4, 7, [SHARED] * 3 + [0, 0])
    assert torch.equal(shared[:3], drop(torch.ones(3, 4000, device=device), 0.4, 7, [SHARED] * 3))
    assert not torch.equal(shared[:2], shared[3:])
    assert not torch.equal(shared[:3], drop(torch.ones(3, 4000, device=device), 0.4, 7, [FILLER] * 3))
    assert 0.57 < float(shared[:3].mean()) < 0.63
