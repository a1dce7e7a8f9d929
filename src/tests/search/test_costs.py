"""What a trial costs, from the planner's units and the pace of those before."""

import pytest

from src.search.costs import Pace, Spent, Units, pace_of

UNITS = Units(steps=40, step=2.0, evaluations=2, evaluation=5.0, summary=0.5)


def test_seconds_by_hand():
    """A unit each: 3 to load, 40 x 2 of steps, 2 + 1 evaluations of 5, 20 summaries of 0.5."""
    assert Pace(begin=3.0).seconds(UNITS, summaries=20) == 3 + 80 + 15 + 10
    # From step 10 to 20: 10 x 2 of steps, a quarter of 2 evaluations and the one at the pause.
    assert Pace(begin=3.0).seconds(UNITS, summaries=0, done=10, until=20) == 3 + 20 + 7.5
    slow = Pace(begin=3.0, step=2.0, evaluation=0.5, summary=4.0)
    assert slow.seconds(UNITS, summaries=20) == 3 + 160 + 7.5 + 40


def test_the_pace_is_what_was_measured():
    spent = Spent(begins=2, begin=8.0, steps=10, train=60.0, evaluations=1, evaluate=10.0, summaries=20, summarize=5.0)
    assert pace_of([(UNITS, spent)]) == Pace(begin=4.0, step=3.0, evaluation=2.0, summary=0.5, measured=True)
    assert pace_of([(UNITS, Spent())]) == Pace()  # nothing has run


def test_the_newest_five_tell_the_pace():
    def took(seconds):
        return UNITS, Spent(begins=1, begin=1.0, steps=1, train=2 * seconds)

    assert pace_of([took(9), took(9), *(took(n) for n in (1, 2, 3, 4, 5))]).step == pytest.approx(3.0)


def test_parts_add_up():
    assert Spent(begins=1, begin=2.0, steps=3).plus(Spent(begins=1, train=4.0)).seconds == 6.0
    assert UNITS.whole == 90.0
