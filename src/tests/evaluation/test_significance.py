import csv
from pathlib import Path

import numpy as np
import pytest

from src.errors import YoyakError
from src.evaluation.rouge import score_summaries
from src.evaluation.significance import (
    Estimate,
    bootstrap_interval,
    estimate_scores,
    foreign_references,
    paired_difference,
    paired_differences,
)
from src.tests.evaluation.installed import INSTALLED

KOREAN_TRAIN = Path(__file__).resolve().parents[4] / "shared" / "data" / "dialogsum_ko" / "train.csv"


def chance_floor(predictions, references, tokenization="word", **how):
    """Score each prediction against other dialogues' references."""
    foreign = [[text for its in donors for text in its] for donors in foreign_references(references, **how)]
    return score_summaries(predictions, foreign, tokenization, multi="mean")


def test_bootstrap_of_a_constant_is_the_constant():
    assert bootstrap_interval([7.0] * 20) == (7.0, 7.0)
    assert bootstrap_interval([3.0]) == (3.0, 3.0)


def test_bootstrap_of_a_coin_is_the_binomial_interval():
    """Mean of 100 fair coins: 0.5 +- 1.96 x 0.05; the binomial's quantiles are 0.40 and 0.60."""
    low, high = bootstrap_interval([0.0, 1.0] * 50)
    assert (low, high) == pytest.approx((0.40, 0.60), abs=0.011)


def test_bootstrap_is_as_wide_as_theory_says():
    values = np.random.default_rng(3).normal(40, 10, 2000)
    low, high = bootstrap_interval(values, level=0.9)
    assert high - low == pytest.approx(2 * 1.645 * values.std() / 2000**0.5, rel=0.03)
    assert low < values.mean() < high


def test_bootstrap_is_determined_by_its_seed():
    values = list(range(50))
    assert bootstrap_interval(values, 1000, seed=1) == bootstrap_interval(tuple(values), 1000, seed=1)
    assert bootstrap_interval(values, 1000, seed=1) != bootstrap_interval(values, 1000, seed=2)


def test_bootstrap_in_chunks_uses_every_sample(monkeypatch):
    """A chunk of one row at a time gives an interval as good as one chunk of all."""
    whole = bootstrap_interval(range(40), 2000)
    monkeypatch.setattr("src.evaluation.significance._DRAWS_AT_ONCE", 41)
    assert bootstrap_interval(range(40), 2000) == pytest.approx(whole, abs=0.6)


def test_paired_difference_by_hand():
    """Four equal differences: both all-same signings of 16 are as extreme, so p is 2/16."""
    result = paired_difference([3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0])
    assert (result.difference, result.low, result.high) == (2.0, 2.0, 2.0)
    assert result.p_value == pytest.approx(2 / 16, abs=0.01)
    assert (result.wins, result.ties, result.losses, result.n) == (4, 0, 0, 4)


def test_paired_difference_counts_wins_ties_and_losses():
    result = paired_difference([2.0, 1.0, 5.0, 0.0], [1.0, 1.0 + 1e-12, 6.0, 9.0])
    assert (result.wins, result.ties, result.losses) == (1, 1, 2)
    assert result.difference == pytest.approx(-9 / 4)


def test_equal_systems_do_not_differ():
    result = paired_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert (result.difference, result.p_value, result.ties) == (0.0, 1.0, 3)


def test_clear_difference_has_the_smallest_p_value_and_noise_a_large_one():
    random = np.random.default_rng(0)
    base = random.normal(40, 10, 300)
    clear = paired_difference(base + 2 + random.normal(0, 1, 300), base, samples=999)
    assert clear.p_value == 1 / 1000
    assert 1.8 < clear.low < clear.high < 2.2
    noise = paired_difference(base + random.permutation([1.0, -1.0] * 150), base)
    assert noise.p_value > 0.9
    assert noise.low < 0 < noise.high


def test_swapped_systems_mirror_the_result():
    a, b = [1.0, 5.0, 2.0, 8.0, 4.0], [2.0, 3.0, 2.0, 4.0, 1.0]
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one.difference == -other.difference
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins) == (3, 1, 1)
    assert one.p_value == other.p_value


def share(means):
    """A score of summed counts: the first column's share of the second."""
    return (means[:, 0] / means[:, 1])[:, None]


COUNTS = np.array([[1.0, 1.0], [0.0, 3.0], [2.0, 2.0], [1.0, 4.0]])


def test_scores_of_summed_counts_are_no_means_of_single_ones():
    (found,) = estimate_scores(COUNTS, share)
    assert found.value == pytest.approx(4 / 10)  # the mean of 1, 0, 1 and 1/4 is 9/16
    assert found.low < found.value < found.high
    (constant,) = estimate_scores(np.array([[1.0, 2.0]] * 5), share)
    assert constant == Estimate(0.5, 0.5, 0.5)
    assert str(Estimate(41.321, 40.0, 42.5)) == "41.32 (40.00 to 42.50)"


def test_bootstrap_of_summed_counts_equals_a_plain_loop():
    random = np.random.default_rng(5)
    loops = []
    for _ in range(4000):
        drawn = COUNTS[random.integers(0, 4, 4)].sum(axis=0)
        loops.append(drawn[0] / drawn[1])
    (found,) = estimate_scores(COUNTS, share)
    assert (found.low, found.high) == pytest.approx(np.quantile(loops, [0.025, 0.975]), abs=0.03)


def test_swaps_of_summed_counts_by_hand():
    """Two dialogues, four swaps: 3/5 - 1/5 twice (all, none), and 1/5 - 3/5 is as far; the others give 2/5 - 2/5."""
    a, b = np.array([[2.0, 3.0], [1.0, 2.0]]), np.array([[1.0, 3.0], [0.0, 2.0]])
    (found,) = paired_differences(a, b, share)
    assert found.difference == pytest.approx(3 / 5 - 1 / 5)
    assert found.p_value == pytest.approx(0.5, abs=0.02)
    assert (found.wins, found.ties, found.losses) == (2, 0, 0)


def test_foreign_references_leave_none_at_home():
    homes = [[f"text {number}", f"other {number}"] for number in range(5)]
    foreign = foreign_references(homes, derangements=7)
    assert all(len(donors) == 7 and homes[number] not in donors for number, donors in enumerate(foreign))
    assert all(sorted(donors[i][0] for donors in foreign) == [its[0] for its in homes] for i in range(7))


def test_each_of_five_derangements_is_another_one():
    """Twenty dialogues: one of a thousand cycles would give two of them the same donor five times."""
    homes = [[f"text {number}"] for number in range(20)]
    foreign = foreign_references(homes)
    assert {len(donors) for donors in foreign} == {5}
    assert all(len({donors[i][0] for donors in foreign}) == 20 for i in range(5))
    assert sum(len({donor[0] for donor in donors}) for donors in foreign) > 20 * 4
    assert foreign == foreign_references(homes, seed=0, derangements=5)


def test_paired_difference_as_dict_is_plain():
    result = paired_difference([1.0, 2.0], [0.0, 0.0]).as_dict()
    assert list(result) == ["difference", "low", "high", "p_value", "wins", "ties", "losses", "n"]
    assert {type(value) for value in result.values()} == {float, int}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_interval([]), "no scores to resample"),
        (lambda: bootstrap_interval([1.0, float("nan")]), "dialogue 2 is not a finite number"),
        (lambda: bootstrap_interval([1.0], samples=0), "samples is 0"),
        (lambda: bootstrap_interval([1.0], level=95), "level is 95"),
        (lambda: paired_difference([1.0], [1.0, 2.0]), "1 scores against 2"),
        (lambda: foreign_references([["a"]]), "at least 2 dialogues"),
        (lambda: foreign_references([["a"], ["b"]], derangements=0), "derangements is 0"),
    ],
)
def test_mistakes_are_one_line(call, message):
    with pytest.raises(YoyakError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_chance_floor_never_meets_a_dialogues_own_reference():
    words = [f"단어{index}" for index in range(30)]
    for seed in range(20):
        assert chance_floor(words, [[word] for word in words], seed=seed).rouge1 == 0


def test_chance_floor_of_two_dialogues_swaps_them():
    scores = chance_floor(["가 나", "다"], [["다 라 마"], ["가"]])
    assert scores.per_dialogue["rouge1"] == pytest.approx((200 / 3, 50))  # 가 나 with 가, 다 with 다 라 마
    assert scores.n == 2


def test_chance_floor_is_determined_by_its_seed():
    texts = [f"{index} {index % 3} {index % 5} 명" for index in range(12)]
    floors = [
        chance_floor(texts, [[text] for text in texts], seed=seed, derangements=1).per_dialogue["rouge1"]
        for seed in (0, 0, 1)
    ]
    assert floors[0] == floors[1] != floors[2]


@pytest.mark.skipif(not KOREAN_TRAIN.is_file(), reason="needs ../shared/data/dialogsum_ko")
@pytest.mark.parametrize(
    ("tokenization", "expected"),
    [
        ("word", (11.9, 3.7, 10.5)),
        ("morpheme", (25.4, 4.9, 19.0)),
        ("content", (11.9, 1.6, 10.6)),
        pytest.param("mecab", (31.1, 15.0, 25.5), marks=pytest.mark.skipif("mecab" not in INSTALLED, reason="extra")),
        ("char", (39.0, 23.0, 31.3)),
        ("ascii", (44.8, 20.6, 40.5)),
    ],
)
def test_chance_floor_of_200_korean_summaries(tokenization, expected):
    """Trap 26: under `ascii`, summaries of other dialogues beat published zero-shot models (27.0 / 11.1 / 24.2)."""
    with KOREAN_TRAIN.open(encoding="utf-8-sig", newline="") as file:
        summaries = [row["summary"] for _, row in zip(range(200), csv.DictReader(file), strict=False)]
    scores = chance_floor(summaries, [[summary] for summary in summaries], tokenization)
    assert (scores.rouge1, scores.rouge2, scores.rougeL) == pytest.approx(expected, abs=0.5)
