import pytest

from src.tests.evaluation.meaning_pairs import scored_pairs


@pytest.mark.parametrize("tokenization", ["content", "morpheme"])
def test_what_says_another_thing_never_scores_100(tokenization):
    different, _ = scored_pairs(tokenization)
    assert len(different) == 60
    assert [pair for pair, mean in different.items() if mean > 99.99] == []


def test_what_says_the_same_in_other_digits_and_spacing_scores_above_90():
    _, same = scored_pairs("content")
    low = [pair for pair, mean in same.items() if mean <= 90]
    assert len(same) == 60
    assert len(low) <= 15, low
