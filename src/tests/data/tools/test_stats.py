"""Measures, spreads and shared dialogues, worked out by hand."""

import json

import pytest

from src.data.files.sources import DialogueRow, DialogueTable
from src.data.tools.stats import SharedPair, Spread, describe_files, measure_rows, shared_bins

LONG = "A: one two three four five six seven eight"


def table_of(source, *rows):
    return DialogueTable(source, "utf-8", rows=[DialogueRow(*row) for row in rows])


TRAIN = table_of(
    "train.csv",
    ("t0", LONG, "s", "trip"),
    ("t1", LONG, "s", "trip"),
    ("t2", LONG + " nine", "s", "shop"),
    ("t3", "A: hello there you", "s", None),
)
DEV = table_of(
    "dev.csv",
    ("d0", LONG, "s", "trip"),
    ("d1", "B: ONE two, three four five six seven eight!", "s", "trip"),
    ("d2", "B: nothing like it", "s", "rain"),
)


def test_measures_of_a_row():
    rows = [DialogueRow("a", "Ann: hi\nBob: yo\n\nAnn: at 10:30\n10:30 is late", "A b.", None)]
    measures = measure_rows(rows, lambda texts: [len(text.split()) for text in texts])
    assert measures == {
        "turns": [4.0],
        "speakers": [2.0],
        "dialogue_chars": [44.0],
        "summary_chars": [4.0],
        "dialogue_tokens": [10.0],
        "summary_tokens": [2.0],
    }
    assert set(measure_rows(rows, None)) == {"turns", "speakers", "dialogue_chars", "summary_chars"}


def test_spread():
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(mean=4.0, min=1.0, p5=1.0, p50=2.0, p95=10.0, max=10.0)
    assert Spread.of(list(map(float, range(1, 101)))) == Spread(50.5, 1.0, 5.0, 50.0, 95.0, 100.0)
    assert Spread.of([]) == Spread(0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def described():
    measures = [{"turns": [1.0] * len(table.rows)} for table in (TRAIN, DEV)]
    return describe_files([TRAIN, DEV], measures, None, "word", 0.5)


def test_each_file_by_itself(described):
    train, dev = described.files
    assert (train.rows, train.topics, train.rows_without_topic) == (4, 2, 1)
    assert train.common_topics == {"trip": 2, "shop": 1}
    assert (train.repeated_dialogues, train.near_duplicates) == (1, 1)  # t1 repeats t0, t2 is nearly t0
    assert (dev.repeated_dialogues, dev.near_duplicates) == (0, 1)  # d1 has the words of d0
    assert dev.measures == {"turns": Spread(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)}


def test_dialogues_that_two_files_share(described):
    (shared,) = described.shared
    assert (shared.first, shared.second, shared.exact, shared.near) == ("train.csv", "dev.csv", 1, 1)
    assert shared.pairs[:2] == [SharedPair("t0", "d0", 1.0), SharedPair("t0", "d1", 1.0)]
    # 6 trigrams of t2's 7 are d0's and d1's
    assert SharedPair("t2", "d1", 0.857) in shared.pairs


def test_one_file_shares_with_none_and_all_is_json():
    described = describe_files([TRAIN], [{}], "a tokenizer", "word", 0.5)
    assert described.shared == []
    assert json.loads(json.dumps(described.as_dict()))["files"][0]["topics"] == 2


def test_bins_are_the_same_for_all_files():
    assert shared_bins([[1.0, 2.0, 2.0], [4.0]]) == [(1.0, [1, 0]), (2.0, [2, 0]), (3.0, [0, 0]), (4.0, [0, 1])]


def test_bins_of_fractions():
    assert shared_bins([[0.0, 0.1, 0.25, 1.0]]) == [
        (0.0, [1]), (0.1, [1]), (0.2, [0]), (0.3, [1]), (0.4, [0]), (0.5, [0]),
        (0.6, [0]), (0.7, [0]), (0.8, [0]), (0.9, [0]), (1.0, [1]),
    ]  # fmt: skip


def test_the_largest_hundredth_is_in_one_bin():
    bins = shared_bins([[*map(float, range(1, 200)), 5000.0]])
    assert bins[0] == (20.0, [20])
    assert bins[-2:] == [(200.0, [19]), (5000.0, [1])]
    assert sum(counts[0] for _, counts in bins) == 200


def test_bins_of_one_value_and_of_none():
    assert shared_bins([[7.0, 7.0], [7.0]]) == [(7.0, [2, 1])]
    assert shared_bins([[], []]) == []
