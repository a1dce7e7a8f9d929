"""Rewards by hand."""

import pytest

from src.training.refine.reward import Drawn, Reward, Rewarder, RewardRule, reward

RULE = RewardRule("rouge_sum", "word", False, 20.0)
DIALOGUE = "Ann: Shall we meet at 4?\nBen: Yes, 4 is good."


def drawn(*summaries: str, ended: bool = True, reference: str = "Ann meets Ben at 4.") -> Drawn:
    return Drawn(DIALOGUE, (reference,), summaries, (ended,) * len(summaries))


def test_the_reference_itself_has_everything() -> None:
    """Ann, Ben and 4 are kept: 300 points and 20."""
    assert reward([drawn("Ann meets Ben at 4.")], RULE) == [[Reward(320.0, 300.0, 3, 3, 0, 0.0)]]


def test_a_wrong_number_is_lost_and_unsupported() -> None:
    """Of five words four are right, of four pairs three: F1 of 80, 75 and 80; Ann and Ben are kept, 5 is not held."""
    ((found,),) = reward([drawn("Ann meets Ben at 5.")], RULE)
    assert (found.kept, found.facts, found.unsupported) == (2, 3, 1)
    assert found.score == pytest.approx(235.0)
    assert found.total == pytest.approx(235.0 + 20 * (2 - 1) / 3)


def test_one_that_did_not_end_or_is_empty() -> None:
    assert reward([drawn("Ann meets Ben at 4.", ended=False)], RULE)[0][0].total == 0.0
    assert reward([drawn("")], RULE) == [[Reward(0.0, 0.0, 0, 3, 0, 0.0)]]


def test_without_an_end_a_summary_is_worth_no_more_than_with_one() -> None:
    """Three numbers and a name that nobody said: -80 points, whether it ends or not."""
    invented = "Dan: 7, 8 or 9."
    (ended,), (cut,) = reward([drawn(invented, reference="Yes."), drawn(invented, ended=False, reference="Yes.")], RULE)
    assert ended.total == cut.total == -80.0


def test_a_reference_without_words() -> None:
    assert reward([drawn("Ann.", reference="...")], RULE)[0][0].score == 0.0


def test_what_is_copied_is_counted_in_words_and_not_rewarded() -> None:
    """`shall we meet` stands in the dialogue; Ann and Ben do too, each alone."""
    ((found,),) = reward([drawn("Ann and Ben: shall we meet?")], RULE)
    assert found.copied == pytest.approx(3 / 6)
    ((korean,),) = reward(
        [Drawn("민수: 내일 네 시에 봐요.", ("내일 본다.",), ("내일 네 시에 민수가 본다.",), (True,))], RULE
    )
    assert korean.copied == pytest.approx(3 / 5)


def test_facts_may_count_for_nothing() -> None:
    rule = RewardRule("rouge1", "word", False, 0.0)
    assert reward([drawn("Ann meets Ben at 5.")], rule)[0][0].total == pytest.approx(80.0)


def test_chrf() -> None:
    rule = RewardRule("chrf", "word", False, 0.0)
    assert reward([drawn("Ann meets Ben at 4.")], rule)[0][0].total == pytest.approx(100.0)


def test_workers_return_the_same_in_order() -> None:
    many = [drawn(f"Ann meets Ben at {number}.", "Ben.") for number in range(40)]
    with Rewarder(RULE, workers=2) as rewarder:
        assert rewarder(many) == reward(many, RULE)
