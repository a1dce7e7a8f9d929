"""What a trial takes, from the planner's units and what the parts before it took."""

import pytest

from src.search.costs import RefineUnits, Spent, Units
from src.search.pace import Pace, pace_of

# A summary: 0.1 of its prompt, 20 tokens of 0.02.
UNITS = Units(steps=40, step=2.0, evaluations=2, evaluation=5.0, prompt=0.1, token=0.02, tokens=20)


def trained(steps, seconds):
    return UNITS, Spent(begins=1, begin=1.0, steps=steps, train=seconds)


def test_seconds_by_hand():
    """A unit each: 3 to load, 40 x 2 of steps, 2 evaluations of 5, 20 summaries of 0.5."""
    assert Pace(begin=3.0).seconds(UNITS, summaries=20) == 3 + 80 + 10 + 10
    # From step 10 to 20: 10 x 2 of steps, a quarter of 2 evaluations and the one at the pause.
    assert Pace(begin=3.0).seconds(UNITS, summaries=0, losses=1, done=10, until=20) == 3 + 20 + 7.5
    slow = Pace(begin=3.0, part=1.5, step=2.0, evaluation=0.5, prompt=2.0, token=4.0, tokens=0.5)
    assert slow.summary(UNITS) == pytest.approx(0.2 + 0.8)
    assert slow.seconds(UNITS, summaries=20, begins=2) == pytest.approx(6 + 3 + 160 + 5 + 20)
    assert slow.refine_step(RefineUnits(drawing=10.0, update=3.0, rewards=0.5)) == 20 + 6 + 0.5


def test_one_part_gives_a_pace_for_each_kind_of_work():
    spent = Spent(1, 4.0, 10, 60.0, 1, 10.0, summaries=20, tokens=800, summarize=9.0)
    found = pace_of([(UNITS, spent)])
    # 10 x 2 of steps took 60; one evaluation of 5 took 10; prompts 20 x 0.1 and tokens 800 x 0.02 together 9.
    assert found == Pace(4.0, 0.0, 3.0, 2.0, pytest.approx(0.5), pytest.approx(0.5), 2.0, measured=True)
    assert pace_of([(UNITS, Spent())]) == Pace()  # nothing has run


def test_seconds_of_each_part_are_told_from_those_of_a_step():
    """Parts of 5, 10 and 20 steps, each of 12 seconds and 3 more a step: 40 steps take 132."""
    parts = [trained(steps, 12 + 3 * steps) for steps in (5, 10, 20, 5, 10, 20, 5, 10, 20)]
    found = pace_of(parts)
    assert found.part == pytest.approx(12, rel=0.1)
    assert found.part + 80 * found.step == pytest.approx(132, rel=0.03)


def test_tokens_are_told_from_prompts():
    """A prompt of 0.1 takes 0.4 and a token of 0.02 takes 0.01: 20 summaries of 10, 40 or 80 tokens."""
    made = [(UNITS, Spent(1, 1.0, summaries=20, tokens=20 * n, summarize=20 * (0.4 + 0.01 * n))) for n in (10, 40, 80)]
    found = pace_of(made * 3)
    assert found.prompt == pytest.approx(4.0, rel=0.15)
    assert found.token == pytest.approx(0.5, rel=0.15)


def test_newer_parts_weigh_more():
    """A machine that has got twice as slow: after five parts the pace is nearer to that."""
    assert pace_of([trained(10, 20)] * 5 + [trained(10, 40)] * 5).step > 1.5
    assert pace_of([trained(10, 40)] * 5 + [trained(10, 20)] * 5).step < 1.5


def test_what_the_first_part_loads_for_all_counts_for_no_other():
    first = UNITS, Spent(begins=1, begin=30.0, steps=1, train=2.0)
    assert pace_of([first]).begin == 30
    assert pace_of([first, trained(1, 2.0)]).begin == 1


def test_no_coefficient_is_below_zero():
    """20 steps that took less than 10 did: a figure for both."""
    found = pace_of([trained(10, 60), trained(20, 30)])
    assert found.part >= 0
    assert found.step > 0
