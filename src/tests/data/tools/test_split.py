"""Sides, topics and groups of splits: sizes by hand, nothing on two sides, everything from the seed."""

from collections import Counter

import pytest

from src.data.files.sources import DialogueRow
from src.data.tools.split import divide, fold_indices, split_folds, split_rows
from src.errors import YoyakError


def rows_of(topics):
    """Rows with these topics, no two of them alike."""
    return [DialogueRow(f"r{i}", f"A: a{i} b{i} c{i}", "s", topic) for i, topic in enumerate(topics)]


def test_a_tenth_of_each_topic_is_evaluated():
    rows = rows_of(["shop"] * 100 + ["trip"] * 40 + ["work"] * 60)
    split = split_rows(rows, 0.1)
    assert (len(split.rows(0)), len(split.rows(1))) == (180, 20)
    assert Counter(rows[i].topic for i in split.rows(1)) == {"shop": 10, "trip": 4, "work": 6}
    assert sorted(split.rows(0) + split.rows(1)) == list(range(200))
    assert split.together == []


@pytest.mark.parametrize("seed", range(5))
def test_rare_topics_share_their_places(seed):
    rows = rows_of([f"rare {i}" for i in range(100)] + ["shop"] * 100)
    split = split_rows(rows, 0.1, seed=seed)
    evaluated = Counter((rows[i].topic or "").split()[0] for i in split.rows(1))
    assert len(split.rows(1)) == 20
    assert 9 <= evaluated["rare"] <= 11


def test_the_seed_decides_and_nothing_else():
    rows = rows_of([f"t{i % 7}" for i in range(70)])
    assert split_rows(rows, 0.2, seed=1) == split_rows(rows, 0.2, seed=1)
    assert split_rows(rows, 0.2, seed=1) != split_rows(rows, 0.2, seed=2)


@pytest.mark.parametrize("by_topic", [True, False])
def test_every_row_is_evaluated_in_one_fold(by_topic):
    rows = rows_of(["a"] * 30 + ["b"] * 15 + [None] * 5)
    folds = fold_indices(rows, 5, by_topic=by_topic)
    assert [len(evaluated) for _, evaluated in folds] == [10] * 5
    assert sorted(i for _, evaluated in folds for i in evaluated) == list(range(50))
    assert all(sorted(train + evaluated) == list(range(50)) for train, evaluated in folds)
    if by_topic:
        assert [Counter(rows[i].topic for i in e) for _, e in folds] == [{"a": 6, "b": 3, None: 1}] * 5


def test_at_random_topics_are_not_looked_at():
    rows = rows_of(["a"] * 50 + ["b"] * 50)
    plain = [DialogueRow(row.fname, row.dialogue, row.summary) for row in rows]
    assert split_rows(rows, 0.1, by_topic=False) == split_rows(plain, 0.1, by_topic=False)


def test_equal_and_nearly_equal_dialogues_stay_together():
    rows = rows_of(["t"] * 40)
    words = [f"w{i}" for i in range(30)]
    changed = [*words[:10], "other", *words[11:]]
    rows[3] = DialogueRow("x", "A: " + " ".join(words), "s", "t")
    rows[17] = DialogueRow("y", "B: " + " ".join(changed), "s", "u")
    rows[30] = DialogueRow("z", "A: " + " ".join(words), "s", "t")
    for seed in range(20):
        split = split_rows(rows, 0.3, seed=seed)
        assert split.together == [[3, 17, 30]]
        assert len({split.side_of_row[i] for i in (3, 17, 30)}) == 1
        assert len(split.rows(1)) == 12


def test_groups_stay_together_and_single_rows_make_up_for_a_large_one():
    rows = rows_of([None] * 60)
    groups = ["call 1"] * 20 + [None] * 38 + ["call 2"] * 2
    for seed in range(10):
        split = split_folds(rows, 3, seed=seed, groups=groups)
        assert split.together == [list(range(20)), [58, 59]]
        assert len({split.side_of_row[i] for i in range(20)}) == 1
        assert [len(split.rows(side)) for side in range(3)] == [20, 20, 20]


def test_sides_get_rows_by_weight():
    split = divide(rows_of([None] * 12), [3, 2, 1])
    assert [len(split.rows(side)) for side in range(3)] == [6, 4, 2]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: split_rows(rows_of(["t"] * 9), 1.0), "eval share 1: it is the part"),
        (lambda: split_rows(rows_of(["t"] * 9), -0.5), "eval share -0.5: it is the part"),
        (
            lambda: split_rows(rows_of(["t"] * 3), 0.1),
            "3 rows at an eval share of 0.1: none is left for evaluation; use another share or more rows",
        ),
        (lambda: split_rows(rows_of(["t"]), 0.9), "none is left for training"),
        (lambda: split_folds(rows_of(["t"] * 3), 1), "1 folds: use 2 or more"),
        (lambda: split_folds(rows_of(["t"] * 3), 4), "3 rows are too few for 4 folds; use fewer folds or more rows"),
        (
            lambda: split_folds([DialogueRow(str(i), "A: the same here", "s") for i in range(9)], 2),
            "9 rows are too few for 2 folds (9 of them are kept together in 1 group); use fewer folds",
        ),
    ],
)
def test_refusals(call, said):
    with pytest.raises(YoyakError) as caught:
        call()
    assert said in str(caught.value)
