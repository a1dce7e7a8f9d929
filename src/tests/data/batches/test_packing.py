"""Micro-batches as written out by hand, and what packing must keep."""

import random

import pytest
import torch

from src.data.batches.bins import deal
from src.data.batches.packing import FILLER, SHARED, MicroBatch, StepPacker, assign_to_bins, unpacked


def item(ids: list[int], response: int) -> dict[str, torch.Tensor]:
    labels = [-100] * (len(ids) - response) + ids[len(ids) - response :]
    return {"input_ids": torch.tensor(ids), "labels": torch.tensor(labels)}


def lists(batch: MicroBatch) -> dict[str, list[int]]:
    names = ("input_ids", "positions", "starts", "target_positions", "targets", "examples", "ends")
    return {name: getattr(batch, name).tolist() for name in names}


ITEMS = [item([5, 6, 2], 2), item([7, 2], 1), item([8, 9, 3, 4, 2], 3)]


def test_no_token_of_an_example_predicts_the_first_of_the_next() -> None:
    """Even where all of an example is a target, as without a prompt."""
    (batch,) = StepPacker(micro_batch_tokens=7)([item([5, 6, 2], 3), item([7, 2], 2)])["micro_batches"]
    assert (lists(batch)["target_positions"], lists(batch)["targets"]) == ([0, 1, 3], [6, 2, 2])


def test_a_step_laid_out() -> None:
    step = StepPacker(micro_batch_tokens=7)(ITEMS)
    assert step["target_tokens"] == 6
    first, second = step["micro_batches"]
    assert lists(first) == {
        "input_ids": [8, 9, 3, 4, 2, 7, 2],
        "positions": [0, 1, 2, 3, 4, 0, 1],
        "starts": [0, 5, 7],
        "target_positions": [1, 2, 3, 5],
        "targets": [3, 4, 2, 2],
        "examples": [2, 2, 2, 2, 2, 1, 1],
        "ends": [5, 5, 5, 5, 5, 7, 7],
    }
    assert first.tokens == 7
    assert lists(second)["input_ids"] == [5, 6, 2]
    assert (lists(second)["target_positions"], lists(second)["targets"]) == ([0, 1], [6, 2])


def test_filler_is_a_sequence_of_its_own_in_no_loss() -> None:
    (batch,) = StepPacker(micro_batch_tokens=16, multiple=8, filler_id=1)(ITEMS)["micro_batches"]
    assert lists(batch) == {
        "input_ids": [8, 9, 3, 4, 2, 5, 6, 2, 7, 2, 1, 1, 1, 1, 1, 1],
        "positions": [0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 0, 1, 2, 3, 4, 5],
        "starts": [0, 5, 8, 10, 16],
        "target_positions": [1, 2, 3, 5, 6, 8],
        "targets": [3, 4, 2, 6, 2, 2],
        "examples": [2] * 5 + [0] * 3 + [1] * 2 + [FILLER] * 6,
        "ends": [5] * 5 + [8] * 3 + [10] * 2 + [16] * 6,
    }
    assert batch.tokens == 10
    assert batch.filler == 6
    assert [batch.filler for batch in StepPacker(10)(ITEMS)["micro_batches"]] == [0]


BEGINNING = list(range(20, 36))  # 16 tokens, the fewest that are shared


def test_a_common_beginning_is_laid_out_once() -> None:
    items = [item([*BEGINNING, 7, 2], 1), item([*BEGINNING, 9, 8, 2], 2)]
    step = StepPacker(micro_batch_tokens=32, multiple=8, filler_id=1, shared=16)(items)
    (batch,) = step["micro_batches"]
    assert lists(batch) == {
        "input_ids": [*BEGINNING, 9, 8, 2, 7, 2, 1, 1, 1],
        "positions": [*range(16), 16, 17, 18, 16, 17, 0, 1, 2],
        "starts": [0, 16, 19, 21, 24],
        "target_positions": [16, 17, 19],
        "targets": [8, 2, 2],
        "examples": [SHARED] * 16 + [1] * 3 + [0] * 2 + [FILLER] * 3,
        "ends": [16] * 16 + [19] * 3 + [21] * 2 + [24] * 3,
    }
    assert (batch.tokens, batch.shared, batch.filler, batch.count) == (37, 16, 3, 2)
    assert step["target_tokens"] == 3
    again = unpacked([batch]).values()
    assert [one["input_ids"].tolist() for one in again] == [one["input_ids"].tolist() for one in items]
    assert [one["labels"].tolist() for one in again] == [one["labels"].tolist() for one in items]


@pytest.mark.parametrize(("tokens", "shared", "expected"), [(64, 15, [(0, 37)]), (20, 16, [(16, 19), (16, 18)])])
def test_a_beginning_is_shared_if_it_is_long_enough(tokens: int, shared: int, expected: list[tuple[int, int]]) -> None:
    """Whatever the size of micro-batches; in the second case each example has its own."""
    items = [item([*BEGINNING, 7, 2], 1), item([*BEGINNING, 9, 8, 2], 2)]
    step = StepPacker(micro_batch_tokens=tokens, shared=shared)(items)
    assert [(batch.shared, len(batch.input_ids)) for batch in step["micro_batches"]] == expected


def test_bins_by_first_fit_decreasing() -> None:
    assert assign_to_bins([4, 8, 1, 4, 2, 1], 10) == [[1, 4], [0, 3, 2, 5]]
    assert assign_to_bins([10, 10], 10) == [[0], [1]]
    assert assign_to_bins([], 10) == []


def test_a_longer_example_gets_a_micro_batch_of_its_own() -> None:
    assert assign_to_bins([3, 25, 7], 10) == [[1], [2, 0]]
    step = StepPacker(micro_batch_tokens=4)(ITEMS)
    assert [batch.tokens for batch in step["micro_batches"]] == [5, 3, 2]


def test_every_example_once_and_no_micro_batch_too_long() -> None:
    rng = random.Random(0)
    for _ in range(50):
        lengths = [rng.randint(1, 300) for _ in range(rng.randint(1, 64))]
        bins = assign_to_bins(lengths, 512)
        assert sorted(index for one in bins for index in one) == list(range(len(lengths)))
        assert all(sum(lengths[index] for index in one) <= 512 for one in bins)
        assert len(bins) <= 11 / 9 * sum(lengths) / 512 + 2  # first-fit decreasing's bound


def test_bins_side_by_side_are_about_equal_the_largest_first() -> None:
    assert assign_to_bins([9, 8, 7, 6, 5, 5], 100, side_by_side=2) == [[0, 3, 4], [1, 2, 5]]
    assert assign_to_bins([9, 8, 7, 6, 5, 5], 14, side_by_side=2) == [[2, 5], [3, 4], [0], [1]]
    assert assign_to_bins([30, 2, 2], 10, side_by_side=2) == [[0], [1, 2]]
    assert assign_to_bins([5], 10, side_by_side=2) == [[0]]
    assert assign_to_bins([], 10, side_by_side=2) == []


def test_bins_side_by_side_hold_every_example_once() -> None:
    rng = random.Random(0)
    for _ in range(50):
        lengths = [rng.randint(1, 300) for _ in range(rng.randint(2, 64))]
        bins = assign_to_bins(lengths, 512, side_by_side=2)
        assert sorted(index for one in bins for index in one) == list(range(len(lengths)))
        loads = [sum(lengths[index] for index in one) for one in bins]
        assert loads == sorted(loads, reverse=True)
        assert loads[0] <= 512
        assert len(bins) % 2 == 0
        assert loads[0] - loads[-1] <= max(lengths)
        assert len(bins) <= len(assign_to_bins(lengths, 512)) + 3


@pytest.mark.parametrize("multiple", [1, 4])
def test_moving_keeps_everything(multiple: int) -> None:
    (batch,) = StepPacker(16, multiple)(ITEMS)["micro_batches"]
    moved = batch.to("cpu")
    assert lists(moved) == lists(batch)
    assert moved.tokens == batch.tokens
    assert batch.to("meta").input_ids.device.type == "meta"


def test_a_step_is_dealt_by_tokens_and_examples_keep_their_places() -> None:
    lengths = [3, 9, 4, 2, 8]
    items = [item([number] * length, 1) for number, length in enumerate(lengths)]
    assert deal(lengths, 2) == [[1, 0, 3], [4, 2]]  # 14 and 12 tokens
    assert deal([5, 4], 3) == [[0], [1], []]
    steps = [StepPacker(64, rank=rank, ranks=2)(items) for rank in range(2)]
    assert [(step["target_tokens"], step["tokens"]) for step in steps] == [(5, 26)] * 2
    (first,), (second,) = (step["micro_batches"] for step in steps)
    assert first.examples.unique_consecutive().tolist() == [1, 0, 3]
    assert second.examples.unique_consecutive().tolist() == [4, 2]
    assert [*unpacked([second])] == [2, 4]
    again = StepPacker(10, rank=1, ranks=2).pack([*unpacked([second]).values()], [*unpacked([second])])
    assert [batch.examples.unique_consecutive().tolist() for batch in again] == [[4], [2]]


def test_ranks_of_one_micro_batch_each_fill_it_up_to_the_largest() -> None:
    def sizes(lengths: list[int], capacity: int) -> list[list[int]]:
        items = [item([number] * length, 1) for number, length in enumerate(lengths)]
        steps = [StepPacker(capacity, 4, rank=rank, ranks=3)(items)["micro_batches"] for rank in range(3)]
        return [[len(batch.input_ids) for batch in batches] for batches in steps]

    assert deal([14, 9, 3, 2, 2], 3) == [[0], [1], [2, 3, 4]]
    assert sizes([14, 9, 3, 2, 2], 16) == [[16], [16], [16]]
    assert sizes([14, 9, 3, 2, 2], 13) == [[16], [12], [8]]  # no more than fits, though one example is longer
    assert sizes([9, 9, 9, 6, 6, 6], 12) == [[12, 8], [12, 8], [12, 8]]
    assert sizes([14, 9], 16) == [[16], [16], []]

    random_of = random.Random(0)
    for _ in range(20):
        items = [item([1] * random_of.randint(24, 60), 2) for _ in range(12)]
        steps = [StepPacker(256, 32, shared=20, rank=rank, ranks=4)(items)["micro_batches"] for rank in range(4)]
        assert len({len(batch.input_ids) for (batch,) in steps}) == 1
        assert any(batch.filler < 32 for (batch,) in steps)  # the largest one's own
        assert sorted(n for batches in steps for n in unpacked(batches)) == [*range(12)]
