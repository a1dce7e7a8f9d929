"""Micro-batches as training lays them out."""

import random

import pytest
import torch

from src.data.batches.bins import deal
from src.data.batches.packing import StepPacker
from src.planner.step_work import dealt_padded_work, evaluation_batch, largest_step_tokens, packed_work, padded_work
from src.training.samplers import ShuffledSampler, SimilarLengthSampler
from src.training.several.dealt_step import PaddedDeal


def drawn(count: int) -> tuple[tuple[int, int], ...]:
    rng = random.Random(1)
    return tuple((rng.randint(30, 400), rng.randint(2, 20)) for _ in range(count))


@pytest.mark.parametrize("side_by_side", [1, 2])
@pytest.mark.parametrize("common", [0, 15, 24, 300])  # none; too few to be shared; more than half of a micro-batch
def test_packed_steps_are_those_of_sampler_and_packer(common: int, side_by_side: int):
    lengths = tuple((tokens + common, targets) for tokens, targets in drawn(37))
    items = []
    for tokens, targets in lengths:
        labels = torch.zeros(tokens, dtype=torch.int64)
        labels[: tokens - targets] = -100
        items.append({"input_ids": torch.zeros(tokens, dtype=torch.int64), "labels": labels})
    sampler = ShuffledSampler(37, seed=7)
    order = [*list(sampler), *list(sampler)]  # two epochs of 37 in steps of 10: 4 steps each, the last of 7
    steps = [order[:10], order[10:20], order[20:30], order[30:37], order[37:47]]
    packer = StepPacker(512, multiple=64, shared=common, side_by_side=side_by_side)
    packed = [packer([items[i] for i in step])["micro_batches"] for step in steps]
    work = packed_work(lengths, 10, 512, 7, 5, multiple=64, common=common, side_by_side=side_by_side)
    batches = [batch for step in packed for batch in step]
    assert work.micro_batches * 5 == len(batches)
    assert work.computed * 5 == sum(len(batch.input_ids) for batch in batches)
    assert work.targets * 5 == sum(len(batch.targets) for batch in batches)
    assert work.filler == pytest.approx(sum(batch.filler for batch in batches) / (work.computed * 5))
    assert work.largest.tokens == max(len(batch.input_ids) for batch in batches)
    assert work.largest.targets == max(len(batch.targets) for batch in batches)
    assert {batch.shared for batch in batches} == {0 if common == 15 else common}
    whole = StepPacker(100_000, shared=common)
    rows = [whole([items[i] for i in step])["micro_batches"][0].input_ids for step in steps]
    shared = 0 if common == 15 else common
    assert largest_step_tokens(lengths, 10, 7, 5, shared) == max(map(len, rows))


def test_a_thousand_million_epochs_are_not_laid_out():
    """Their largest step holds the longest examples; a form that asks for so many is answered at once."""
    lengths = ((9, 2), (40, 3), (7, 1), (30, 5))
    assert largest_step_tokens(lengths, 2, 7, 10**9) == 70
    assert largest_step_tokens(lengths, 2, 7, 10**9, cards=2) == 40


@pytest.mark.parametrize("cards", [2, 3, 16])
def test_packed_steps_of_several_cards_are_the_fullest_rank_s(cards: int):
    lengths = drawn(37)
    items = [{"input_ids": torch.zeros(n, dtype=torch.int64), "labels": torch.arange(n)} for n, _ in lengths]
    lengths = tuple((n, n - 1) for n, _ in lengths)  # the first is no target
    order = list(ShuffledSampler(37, seed=7))
    steps = [order[:12], order[12:24], order[24:36]]
    packers = [StepPacker(512, multiple=64, rank=rank, ranks=cards) for rank in range(cards)]
    packed = [[packer([items[i] for i in step])["micro_batches"] for packer in packers] for step in steps]
    sums = [[sum(len(batch.input_ids) for batch in batches) for batches in step] for step in packed]
    work = packed_work(lengths, 12, 512, 7, 3, multiple=64, cards=cards)
    assert work.computed * 3 == sum(map(max, sums))
    assert work.largest.tokens == max(len(b.input_ids) for step in packed for batches in step for b in batches)
    assert work.largest.targets == max(len(b.targets) for step in packed for batches in step for b in batches)
    most = max(sum(len(items[i]["input_ids"]) for i in part) for part in dealt(lengths, steps, cards))
    assert largest_step_tokens(lengths, 12, 7, 3, cards=cards) == most


def dealt(lengths, steps, cards):
    """Return each rank's examples of each step."""
    parts = [(step, deal([lengths[i][0] for i in step], cards)) for step in steps]
    return [[step[place] for place in part] for step, ranks in parts for part in ranks]


@pytest.mark.parametrize("cards", [2, 3, 7])
def test_padded_steps_of_several_cards_are_the_fullest_rank_s(cards: int):
    lengths = drawn(50)
    order = list(SimilarLengthSampler([tokens for tokens, _ in lengths], 4, seed=7))
    sums, widths, later = [], [], []
    for step in (order[start : start + 24] for start in (0, 24)):
        items = [{"input_ids": torch.zeros(lengths[i][0]), "labels": torch.zeros(lengths[i][0])} for i in step]
        deals = [PaddedDeal(lambda part: part, 4, rank, cards)(items)["micro_batches"] for rank in range(cards)]
        sizes = [[len(part) * max(len(one["input_ids"]) for one in part) for part in parts] for parts in deals]
        sums.append(max(map(sum, sizes)))
        widths += [size for one in sizes for size in one]
        later += [size for one in sizes for size in one[1:]]
    work = dealt_padded_work(lengths, 24, 4, 7, 2, 0, cards)
    assert work.computed * 2 == sum(sums)
    assert work.largest.tokens == max(widths)
    assert (work.later.tokens if work.later else None) == (max(later) if later else None)


def test_shared_tokens_are_computed_and_seen_once():
    """Two examples of 20 and 30 tokens, the first 16 shared: 16 + 4 + 14 rows, which see what stands before them."""
    work = packed_work(((20, 2), (30, 3)), 2, 64, 0, 1, multiple=8, common=16)
    assert (work.tokens, work.computed, work.largest.tokens) == (34, 40, 40)
    assert work.pairs == sum(range(1, 17)) + sum(range(17, 21)) + sum(range(17, 31)) + 6**2 // 2


def test_padded_steps_are_those_of_the_sampler():
    lengths = drawn(50)
    order = list(SimilarLengthSampler([tokens for tokens, _ in lengths], 4, seed=7))
    batches = [order[start : start + 4] for start in range(0, 50, 4)][:6]  # three steps of two
    work = padded_work(lengths, 4, 2, 7, 3)
    widths = [max(lengths[i][0] for i in batch) for batch in batches]
    assert work.micro_batches == 2
    assert work.computed * 3 == sum(4 * width for width in widths)
    assert work.tokens * 3 == sum(lengths[i][0] for batch in batches for i in batch)
    assert work.largest.tokens == 4 * max(tokens for tokens, _ in lengths)  # the longest comes first


@pytest.mark.parametrize("seed", range(10))
def test_the_longest_example_is_in_the_first_micro_batch_and_not_among_the_later_ones(seed: int):
    """Memory runs out at once where it does; micro-batches after it find gradients, and are smaller."""
    work = padded_work(((10, 1),) * 6 + ((100, 5), (20, 2)), 1, 2, seed, 1)
    assert (work.largest.longest, work.largest.targets) == (100, 5)
    assert work.later is not None
    assert work.later.longest in (10, 20)
    assert padded_work(((10, 1),) * 8, 1, 1, seed, 3).later is None


def test_warm_up_steps_are_left_out_of_the_means_only():
    lengths = ((100, 5), (50, 5), (10, 5), (10, 5))
    both, later = (packed_work(lengths, 2, 1000, 3, 2, first=first, multiple=1) for first in (0, 1))
    assert both.tokens == 85
    assert later.tokens in (20, 60, 110, 150)
    assert later.largest == both.largest


def test_the_largest_evaluation_batch_holds_the_longest():
    assert evaluation_batch(((10, 2), (50, 3), (40, 4)), 2).tokens == 100
    assert evaluation_batch(((10, 2), (50, 3), (40, 4)), 2).targets == 7
