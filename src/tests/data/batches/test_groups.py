"""Groups as micro-batches, written out."""

from src.data.batches.groups import PromptGroup, pack_groups
from src.data.batches.packing import FILLER


def test_a_group_literally() -> None:
    (batch,) = pack_groups([PromptGroup([5, 6], [[7, 2], [8, 9, 2]], [1.0, -0.5])], 100)
    assert batch.places.tolist() == [
        [5, 6, 7, 6, 8, 9],
        [0, 1, 2, 1, 2, 3],
        [6, 6, 6, 6, 6, 6],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1],
    ]
    assert batch.target_places.tolist() == [[1, 2, 3, 4, 5], [7, 2, 8, 9, 2]]
    assert batch.weights.tolist() == [1.0, 1.0, -0.5, -0.5, -0.5]
    assert batch.starts.tolist() == [0, 1, 3, 6]
    assert batch.tokens == 6


def test_a_prompt_of_one_token_stands_in_its_continuations_alone() -> None:
    (batch,) = pack_groups([PromptGroup([5], [[7], [8, 2]], [1.0, 1.0])], 100)
    assert batch.input_ids.tolist() == [5, 5, 8]
    assert batch.before.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert batch.starts.tolist() == [0, 1, 3]


def test_micro_batches_hold_whole_groups() -> None:
    groups = [PromptGroup([1] * 5, [[2] * 3] * 2, [1.0, 2.0]) for _ in range(3)]  # 10 tokens each
    batches = pack_groups(groups, 25)
    assert [batch.tokens for batch in batches] == [20, 10]
    assert sorted(set(batches[0].examples.tolist()) | set(batches[1].examples.tolist())) == [0, 1, 2]
    second = batches[0].before[:, 10:]
    assert second.tolist() == [[10] * 10, [10] * 4 + [14] * 6]
    assert [batch.tokens for batch in pack_groups(groups, 5)] == [10, 10, 10]


def test_filler_is_a_sequence_of_its_own() -> None:
    (batch,) = pack_groups([PromptGroup([5, 6], [[7, 2]], [1.0])], 100, 5)
    assert batch.places.tolist() == [
        [5, 6, 7, 0, 0],
        [0, 1, 2, 0, 1],
        [3, 3, 3, 5, 5],
        [0, 0, 0, FILLER, FILLER],
        [0, 0, 0, 3, 3],
        [0, 1, 1, 3, 3],
    ]
    assert (batch.starts.tolist(), batch.filler, batch.tokens) == ([0, 1, 3, 5], 2, 3)
    assert batch.target_places.tolist() == [[1, 2], [7, 2]]
